import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, toHex } from "../bytes.ts";
import { crc32c } from "../crc32c.ts";
import { readFields } from "../protobuf.ts";
import { encodeBootstrapSnap, snapFileName } from "./snap-file.ts";
import { v2StoreJSON } from "./v2-store.ts";

const MEMBER = { id: 0x8e9e05c52164694dn, name: "default", peerURLs: ["http://localhost:2380"] };

test("the .snap of a default member has the length, head, tail and CRC of etcdutl 3.5's", () => {
  const file = encodeBootstrapSnap([MEMBER], 1n);
  assert.equal(file.length, 6490);
  assert.equal(toHex(file.subarray(0, 14)), "08b6f8818f0112d1320ab9327b22");
  assert.ok(toHex(file).endsWith("12130a0d08cdd2918bd2b881cf8e01280010011801"));
  const [crc, data] = readFields(file);
  assert.equal(crc?.varint, BigInt(crc32c(data!.bytes)));
});

test("the v2 store is one JSON document: two folders, the members, a ring of events", () => {
  const members = [
    { id: 0xan, name: "ten", peerURLs: ["http://a:1"] },
    { id: 0x100n, name: "many", peerURLs: ["http://a:2?x=1&y"] },
  ];
  const store = JSON.parse(v2StoreJSON(members)) as {
    Root: { Children: { 0: { Children: { members: { Children: Record<string, unknown> } } } } };
    WatcherHub: { EventHistory: { Queue: { Events: unknown[]; Size: number; Back: number } } };
    CurrentIndex: number;
  };
  const { Queue } = store.WatcherHub.EventHistory;
  assert.deepEqual(Object.keys(store.Root.Children[0].Children.members.Children), ["100", "a"]);
  assert.equal(Queue.Events.length, 1000);
  assert.equal(Queue.Events.filter((event) => event !== null).length, 2);
  assert.deepEqual([Queue.Size, Queue.Back, store.CurrentIndex], [2, 2, 2]);
  assert.ok(
    v2StoreJSON(members).includes(
      String.raw`"Value":"{\"peerURLs\":[\"http://a:2?x=1\\u0026y\"]}"`,
    ),
  );
});

test("v2StoreJSON() of one member reads as Go wrote it", () => {
  assert.ok(
    v2StoreJSON([MEMBER]).startsWith(
      '{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z",' +
        '"Value":"","Children":{"0":{"Path":"/0","CreatedIndex":0,',
    ),
  );
  assert.ok(bytesText(encodeBootstrapSnap([MEMBER], 1n)).includes('"CurrentVersion":2}'));
});

test("the file is named after term and index", () => {
  assert.equal(snapFileName(1n, 26n), "0000000000000001-000000000000001a.snap");
});
