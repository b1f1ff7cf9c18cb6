/** Every bucket at the root of a server's database, in order; 3.4 to 3.7 make the same ones when they start. */
export const BUCKETS: readonly string[] = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
];
