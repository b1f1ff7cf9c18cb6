/**
 * The part of the protobuf wire format that etcd's files need: varints, length-delimited fields, and skipping
 * of fixed 32- and 64-bit ones. No groups, no packed lists, no zigzag: etcd's stored messages have none.
 */
import { HoldfastError } from "../errors.ts";
import { concatBytes } from "./bytes.ts";

export interface Field {
  readonly number: number;
  /** VARINT, BYTES, or one of the two fixed kinds. */
  readonly wire: number;
  /** The value of a varint field, unsigned 64 bits; 0n for other kinds. */
  readonly varint: bigint;
  /** The content of a length-delimited field (a view); empty for other kinds. */
  readonly bytes: Uint8Array;
}

export const VARINT = 0;
export const BYTES = 2;

const NOTHING = new Uint8Array(0);

/** The fields of a message in order. Throws "malformed-message" with the offset, at the first byte that does not fit. */
export function* readFields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= message.length) throw malformed("a number is cut off", at, message.length);
      const byte = message[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value & 0xffffffffffffffffn;
    }
    throw malformed("a number is longer than ten bytes", at, message.length);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    if (number < 1 || number > 0x1fffffff)
      throw malformed(`field number ${number}`, at, message.length);
    const wire = Number(tag & 7n);
    if (wire === VARINT) yield { number, wire, varint: varint(), bytes: NOTHING };
    else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
      if (at > message.length) throw malformed("a fixed field is cut off", at, message.length);
      yield { number, wire, varint: 0n, bytes: NOTHING };
    } else if (wire === BYTES) {
      const length = varint();
      if (length > BigInt(message.length - at))
        throw malformed(`field ${number} claims ${length} bytes`, at, message.length);
      yield { number, wire, varint: 0n, bytes: message.subarray(at, at + Number(length)) };
      at += Number(length);
    } else throw malformed(`wire type ${wire}`, at, message.length);
  }
}

function malformed(what: string, at: number, length: number): HoldfastError {
  return new HoldfastError(
    "malformed-message",
    `cannot parse a protobuf message: ${what} at offset ${at} of ${length}`,
  );
}

/** An unsigned varint; negative values are written as their 64-bit two's complement, as protobuf does. */
function varintBytes(value: bigint | number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

/** One varint field, zero included: proto2 messages write zeros, proto3 callers leave the field out themselves. */
export function varintField(number: number, value: bigint | number): Uint8Array {
  return concatBytes([varintBytes(number << 3), varintBytes(value)]);
}

/** One length-delimited field, empty content included. */
export function bytesField(number: number, content: Uint8Array): Uint8Array {
  return concatBytes([varintBytes((number << 3) | 2), varintBytes(content.length), content]);
}
