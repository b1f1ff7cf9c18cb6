/** The newest minor version of etcd 3 whose database is known here. */
export const NEWEST_MINOR = 7;

/**
 * The minor version in a stored version text such as "3.6.0"; 0 for "", as in meta before 3.6; Infinity for a text that
 * is no version of etcd 3.
 */
export function minorOf(version: string): number {
  if (version === "") return 0;
  const [, minor] = /^3\.(\d+)(?:\.|$)/.exec(version) ?? [];
  return minor === undefined ? Infinity : Number(minor);
}
