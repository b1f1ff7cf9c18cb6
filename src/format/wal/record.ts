/**
 * Records of etcd's write-ahead log. Each is a frame, 8-aligned:
 *
 *   0   i64 LE   low 56 bits: length of the record; top byte: 0x80 | padding, or 0 when there is none
 *   8            walpb.Record { type 1, crc 2, data 3 }, zeros written, data left out when there is none
 *       0..7     zeros
 *
 * The CRC is one running CRC-32C over the data of all records so far, this one's included.
 */
import { concatBytes, putU32le } from "../bytes.ts";
import { crc32c } from "../crc32c.ts";
import { bytesField, varintField } from "../protobuf.ts";

/** Record types (etcd's wal package). */
export const RECORD = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

export interface WalRecord {
  readonly type: (typeof RECORD)[keyof typeof RECORD];
  readonly data: Uint8Array;
}

/** The first segment's bytes up to the last record: the record of type crc that a segment begins with, then these. */
export function encodeSegment(records: readonly WalRecord[]): Uint8Array {
  let crc = 0;
  const frames = [frame(concatBytes([varintField(1, RECORD.crc), varintField(2, crc)]))];
  for (const { type, data } of records) {
    crc = crc32c(data, crc);
    frames.push(
      frame(concatBytes([varintField(1, type), varintField(2, crc), bytesField(3, data)])),
    );
  }
  return concatBytes(frames);
}

function frame(record: Uint8Array): Uint8Array {
  const padding = (8 - (record.length % 8)) % 8;
  const out = new Uint8Array(8 + record.length + padding);
  putU32le(out, 0, record.length);
  if (padding !== 0) out[7] = 0x80 | padding;
  out.set(record, 8);
  return out;
}
