import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../bytes.ts";
import { crc32c } from "../crc32c.ts";
import { readFields } from "../protobuf.ts";
import { encodeBootstrapSegment } from "./bootstrap.ts";
import { encodeSegment, RECORD } from "./record.ts";

/** As etcdutl 3.5.30, 3.5.35 and 3.6.16 write it: name default, http://localhost:2380, token etcd-cluster. */
const GOLDEN = [
  "0400000000000084 08041000 00000000",
  "2000000000000000 080110bb81c7fc051a1608cdd2918bd2b881cf8e0110b298eaf1948386fccd01",
  "0e00000000000082 08051094bbc7ed0e1a0408001000 0000",
  "7400000000000084 080210c2ee92950b1a6a08011001180122620800100018cdd2918bd2b881cf8e0122517b226964223a31303237363635373734333933323937353433372c227065657255524c73223a5b22687474703a2f2f6c6f63616c686f73743a32333830225d2c226e616d65223a2264656661756c74227d 00000000",
  "1900000000000087 0803109b98d6c3081a0f080110cdd2918bd2b881cf8e011801 00000000000000",
  "1d00000000000083 0805108d9eaeef0d1a13080110011a0d08cdd2918bd2b881cf8e012800 000000",
]
  .join("")
  .replaceAll(" ", "");

test("the bootstrap segment of a default member is that of etcdutl, byte for byte", () => {
  const member = {
    id: 0x8e9e05c52164694dn,
    name: "default",
    peerURLs: ["http://localhost:2380"],
  };
  const segment = encodeBootstrapSegment({
    memberId: member.id,
    clusterId: 0xcdf818194e3a8c32n,
    members: [member],
  });
  assert.equal(toHex(segment), GOLDEN);
  assert.equal(segment.length, 288);
});

test("every frame begins at a multiple of eight, whatever the record's length", () => {
  for (let length = 0; length < 24; length++) {
    const data = new Uint8Array(length).fill(0x61);
    const segment = encodeSegment([{ type: RECORD.entry, data }]);
    assert.equal(segment.length % 8, 0);
    const recordLength = segment[16]!;
    const padding = segment[23]! & 0x7f;
    assert.equal(segment[23]! >= 0x80, padding !== 0);
    assert.equal(24 + recordLength + padding, segment.length);
  }
});

test("the CRC of a record covers the data of all records before it too", () => {
  const [a, b] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  const segment = encodeSegment([
    { type: RECORD.metadata, data: a },
    { type: RECORD.entry, data: b },
  ]);
  const last = segment.subarray(segment.length - 24);
  const crc = [...readFields(last.subarray(8, 8 + last[0]!))].find(({ number }) => number === 2);
  assert.equal(crc?.varint, BigInt(crc32c(Uint8Array.of(1, 2, 3, 4, 5))));
});
