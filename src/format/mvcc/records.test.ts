import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, textBytes, u64beBytes } from "../bytes.ts";
import { bytesField, varintField } from "../protobuf.ts";
import {
  decodeAlarm,
  decodeCompactionMark,
  decodeDowngrade,
  decodeLeaseId,
  decodeMember,
  decodeNumber,
  decodeUserRoles,
  isMemberKey,
  isRole,
  isVersion,
} from "./records.ts";
import { encodeRevision } from "./revision.ts";

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

test("records of real servers", () => {
  assert.equal(decodeLeaseId(fromHex("08cd90eeb5f6c0a8b44110a08d06")), 4713195162715261005n);
  assert.deepEqual(decodeAlarm(fromHex("08e9cb98caf294f6a3341001")), {
    memberId: 0x3447d8a7294625e9n,
    alarm: "NOSPACE",
  });
  const member =
    '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"isLearner":true,"name":"default","clientURLs":["http://a\\u0026b"]}';
  assert.deepEqual(decodeMember(textBytes(member)), {
    id: 10276657743932975437n,
    name: "default",
    peerURLs: ["http://localhost:2380"],
    clientURLs: ["http://a&b"],
    isLearner: true,
  });
  assert.deepEqual(decodeDowngrade(textBytes('{"target-version":"3.5.0","enabled":true}')), {
    enabled: true,
    target: "3.5.0",
  });
  assert.equal(decodeCompactionMark(encodeRevision({ main: 2n ** 40n, sub: 0n })), 2n ** 40n);
  assert.equal(decodeNumber(u64beBytes(2n ** 64n - 1n)), 2n ** 64n - 1n);
});

test("users and roles", () => {
  const [name, password] = [bytesField(1, textBytes("alice")), bytesField(2, textBytes("$2a$10$"))];
  const roles = ["reader", "writer"].map((role) => bytesField(3, textBytes(role)));
  const user = concatBytes([name, password, ...roles, bytesField(4, new Uint8Array(0))]);
  assert.deepEqual(decodeUserRoles(user), ["reader", "writer"]);
  const permission = concatBytes([varintField(1, 2), bytesField(2, textBytes("a"))]);
  assert.equal(isRole(concatBytes([name, bytesField(2, permission)])), true);
});

test("a known field of another kind is refused, as a server refuses it", () => {
  assert.equal(typeof decodeLeaseId(bytesField(1, new Uint8Array(0))), "string");
  assert.equal(typeof decodeAlarm(bytesField(2, new Uint8Array(0))), "string");
  assert.equal(typeof decodeUserRoles(varintField(3, 1)), "string");
  assert.equal(typeof decodeUserRoles(bytesField(4, bytesField(1, new Uint8Array(0)))), "string");
  assert.equal(isRole(bytesField(2, varintField(2, 1))), false);
  assert.equal(isRole(bytesField(7, varintField(2, 1))), true, "nobody knows field 7");
});

test("ids are signed, whatever their size; the last one counts", () => {
  assert.equal(decodeLeaseId(varintField(1, -1n)), -1n);
  assert.equal(decodeLeaseId(new Uint8Array(0)), 0n);
  assert.equal(decodeLeaseId(concatBytes([varintField(1, 1), varintField(1, 2)])), 2n);
});

test("versions as etcd reads them", () => {
  for (const version of [
    "3.6.0",
    "0.0.0",
    "3.6.7-alpha.1",
    "3.6.0+build.5",
    "10.20.30-rc.0+x",
    "3.6.0-",
    "3.6.0+",
    `3.${"0".repeat(30)}6.0`,
  ])
    assert.equal(isVersion(version), true, version);
  for (const version of [
    "",
    "3.6",
    "3.6.",
    "3.6.0.1",
    "v3.6.0",
    "3.p.0",
    "3.6.0 ",
    "3.6.0-a..b",
    "3.6.0+a_b",
    "3.9223372036854775808.0",
  ])
    assert.equal(isVersion(version), false, version);
});

test("a downgrade has to be one", () => {
  for (const nothing of ["{}", "null", '{"enabled":null,"target-version":null}'])
    assert.deepEqual(decodeDowngrade(textBytes(nothing)), { enabled: false, target: "" });
  assert.deepEqual(decodeDowngrade(textBytes('{"TARGET-Version":"3.5.0","Enabled":true}')), {
    enabled: true,
    target: "3.5.0",
  });
  for (const value of ["", "[]", "[", '{"enabled":1}', '{"enabled":true}', '{"target-version":3}'])
    assert.equal(typeof decodeDowngrade(textBytes(value)), "string", value);
});

test("member keys are ids", () => {
  for (const key of ["0", "8e9e05c52164694d", "FFFFFFFFFFFFFFFF"])
    assert.ok(isMemberKey(textBytes(key)));
  for (const key of ["", "g", "0x1", "12345678901234567", "1 "])
    assert.ok(!isMemberKey(textBytes(key)));
});

test("any bytes give a value or words", () => {
  const decoders = [
    decodeAlarm,
    decodeCompactionMark,
    decodeDowngrade,
    decodeLeaseId,
    decodeMember,
    decodeNumber,
    decodeUserRoles,
    isRole,
    isMemberKey,
  ];
  const json = fc.json().map(textBytes);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), json), (bytes) => {
      for (const decode of decoders) {
        const found = decode(bytes);
        assert.ok(typeof found !== "string" || /^[a-z]/.test(found), String(found));
      }
    }),
    { numRuns: 2000 },
  );
});
