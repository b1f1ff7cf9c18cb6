/** The time of day, for what people read. It may jump: never measure with it. */
export function now(): Date {
  return new Date();
}

/** Milliseconds since some fixed point, for measuring: it never jumps back. */
export function monotonicMs(): number {
  return performance.now();
}
