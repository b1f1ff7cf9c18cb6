/** So many of something: "1 backup", "1,234 backups". */
export function count(number: number, noun: string): string {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Thousands apart, by commas: 1,234,567. */
export function grouped(number: number): string {
  return number.toLocaleString("en-US");
}
