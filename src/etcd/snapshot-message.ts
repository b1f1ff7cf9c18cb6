import { HoldfastError } from "../errors.ts";

/** What one message of the Snapshot call holds. */
export interface SnapshotMessage {
  /** Bytes of the database that are still to come, without the trailer; 0 when the field is missing. */
  readonly remainingBytes: number;
  /** A view into the message. */
  readonly blob: Uint8Array;
  /** UTF-8 of the storage version, a view; empty before 3.6. */
  readonly version: Uint8Array;
}

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Decodes a SnapshotResponse (remaining_bytes = 2, blob = 3, version = 4; others are skipped). By hand, because there
 * are 32 of these for every megabyte and a generated decoder copies every blob.
 * Throws "malformed-message" with the offset.
 */
export function decodeSnapshotMessage(bytes: Uint8Array): SnapshotMessage {
  let remainingBytes = 0;
  let [blob, version] = [NOTHING, NOTHING];
  let at = 0;
  /** Exact up to 2^53: more than any of these numbers may be. */
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 70; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw malformed("a number does not end", at, bytes.length);
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) {
      const value = varint();
      if (tag === 0x10) remainingBytes = value;
    } else if (wire === 2) {
      const length = varint();
      if (length > bytes.length - at)
        throw malformed(`a field claims ${length} bytes`, at, bytes.length);
      const content = bytes.subarray(at, (at += length));
      if (tag === 0x1a) blob = content;
      else if (tag === 0x22) version = content;
    } else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
      if (at > bytes.length) throw malformed("a fixed field is cut off", at, bytes.length);
    } else throw malformed(`wire type ${wire}`, at, bytes.length);
  }
  return { remainingBytes, blob, version };
}

function malformed(what: string, at: number, length: number): HoldfastError {
  return new HoldfastError(
    "malformed-message",
    `cannot parse a message of the Snapshot call: ${what} at offset ${at} of ${length}`,
    { hint: "a proxy in between may have damaged it: try again, directly to a member" },
  );
}
