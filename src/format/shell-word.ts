/** One word for a POSIX shell: quoted where it is more than a plain name, path or URL. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
