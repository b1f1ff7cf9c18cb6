import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { goString } from "./go-json.ts";
import { clusterId, memberId } from "./identity.ts";
import { idText, memberJSON, raftAttributesJSON } from "./member.ts";

const sha1 = (bytes: Uint8Array) => createHash("sha1").update(bytes).digest();

test("ids are those of real servers: a single default member", () => {
  const id = memberId(["http://localhost:2380"], "etcd-cluster", sha1);
  assert.equal(idText(id), "8e9e05c52164694d");
  assert.equal(idText(clusterId([id], sha1)), "cdf818194e3a8c32");
});

test("ids of three members; the text has no leading zero, the hash of the cluster does", () => {
  const ids = ["10", "11", "12"].map((host) =>
    memberId([`http://10.0.1.${host}:2380`], "etcd-cluster-1", sha1),
  );
  assert.deepEqual(ids.map(idText), ["140fedbeeb74765d", "d5dc5f8d75d04e29", "8a0a11c6194fc77"]);
  assert.equal(idText(clusterId(ids, sha1)), "acccc8912db0cd57");
});

test("memberId() sorts the URLs, and names do not count", () => {
  const urls = ["http://127.0.0.1:23027", "http://127.0.0.1:23025"];
  assert.equal(idText(memberId(urls, "tok1", sha1)), "7fc4bacb9ccc4558");
  assert.equal(idText(memberId(urls.toReversed(), "tok1", sha1)), "7fc4bacb9ccc4558");
});

test("memberJSON() keeps all 64 bits of an id, and leaves an empty name out", () => {
  const member = { id: 0xffffffffffffffffn, name: "", peerURLs: ["http://a:1", "http://b:2"] };
  assert.equal(
    memberJSON(member),
    '{"id":18446744073709551615,"peerURLs":["http://a:1","http://b:2"]}',
  );
  assert.equal(
    memberJSON({ ...member, id: 10276657743932975437n, name: "default" }),
    '{"id":10276657743932975437,"peerURLs":["http://a:1","http://b:2"],"name":"default"}',
  );
  assert.equal(raftAttributesJSON(member), '{"peerURLs":["http://a:1","http://b:2"]}');
});

test("goString() escapes what Go escapes, and only that", () => {
  const cases: [string, string][] = [
    ["a&b<c>d", String.raw`"a\u0026b\u003cc\u003ed"`],
    ["\u2028\u2029", String.raw`"\u2028\u2029"`],
    ['"\\/', String.raw`"\"\\/"`],
    ["\b\f\n\r\t\u0000\u001f\u007f", String.raw`"\b\f\n\r\t\u0000\u001f${"\u007f"}"`],
    ["ü漢😀", '"ü漢😀"'],
  ];
  for (const [text, json] of cases) {
    assert.equal(goString(text), json);
    assert.equal(JSON.parse(json), text);
  }
});
