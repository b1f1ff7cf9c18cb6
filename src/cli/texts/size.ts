const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** A size as etcd's tools print it (go-humanize): base 1000, one decimal below ten, none from there on. */
export function humanSize(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes >= 1000 ** (unit + 1)) unit++;
  const value = Math.floor((bytes / 1000 ** unit) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${UNITS[unit]}`;
}

/** Go prints 20.5 with no decimals as 20 and 21.5 as 22; toFixed() would round both up. */
function halfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
