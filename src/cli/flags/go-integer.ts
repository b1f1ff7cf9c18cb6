import { InvalidArgumentError } from "commander";

/** Digits of one base, with single underscores between them where Go's syntax has them. */
const FORMS = [
  { pattern: /^(?:0|[1-9](?:_?\d)*)$/, literal: (digits: string) => digits },
  { pattern: /^0(?:x(?:_?[\da-f])+|o(?:_?[0-7])+|b(?:_?[01])+)$/i, literal: (all: string) => all },
  { pattern: /^0(?:_?[0-7])+$/, literal: (all: string) => `0o${all.slice(1)}` },
] as const;

/** What Go's strconv reads in base 0, where 010 is eight; undefined for anything else. */
function parseDigits(text: string): bigint | undefined {
  const form = FORMS.find(({ pattern }) => pattern.test(text));
  return form && BigInt(form.literal(text.replaceAll("_", "")));
}

/** An unsigned 64-bit number as etcd's tools take it: 16, 0x10, 0b10000, 0o20, 020 or 1_000. */
export function parseUint64(text: string): bigint {
  const value = parseDigits(text);
  if (value !== undefined && value < 1n << 64n) return value;
  throw new InvalidArgumentError("It is no unsigned 64-bit number.");
}

/** The same with a sign. */
export function parseInt64(text: string): bigint {
  const value = parseDigits(text.replace(/^[+-]/, ""));
  const signed = value !== undefined && text.startsWith("-") ? -value : value;
  if (signed !== undefined && BigInt.asIntN(64, signed) === signed) return signed;
  throw new InvalidArgumentError("It is no 64-bit number.");
}
