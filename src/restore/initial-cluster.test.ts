import assert from "node:assert/strict";
import { test } from "node:test";
import type { HoldfastError } from "../errors.ts";
import { idText } from "../format/cluster/member.ts";
import { planCluster, type ClusterFlags } from "./initial-cluster.ts";

const DEFAULTS: ClusterFlags = {
  name: "default",
  initialCluster: "default=http://localhost:2380",
  initialClusterToken: "etcd-cluster",
  initialAdvertisePeerURLs: "http://localhost:2380",
};

const HOSTS: Readonly<Record<string, string>> = {
  "etcd-1": "10.0.0.1",
  "10.0.0.1": "10.0.0.1",
  "six.example": "2001:db8::1",
  "2001:db8::1": "2001:db8::1",
};

async function lookUp(host: string): Promise<string> {
  const address = HOSTS[host];
  if (address === undefined) throw new Error(`getaddrinfo ENOTFOUND ${host}`);
  return address;
}

async function noLookUp(host: string): Promise<string> {
  throw new Error(`${host} was looked up`);
}

test("planCluster() of the default flags is the cluster that etcdutl makes of them", async () => {
  const { id, self, members } = await planCluster(DEFAULTS, noLookUp);
  assert.equal(idText(id), "cdf818194e3a8c32");
  assert.equal(idText(self.id), "8e9e05c52164694d");
  assert.deepEqual(members, [self]);
});

test("planCluster() of three members orders them by id and finds its own", async () => {
  const flags = {
    name: "m1",
    initialCluster: "m1=http://10.0.1.10:2380,m2=http://10.0.1.11:2380,m3=http://10.0.1.12:2380",
    initialClusterToken: "etcd-cluster-1",
    initialAdvertisePeerURLs: "http://10.0.1.10:2380",
  };
  const { id, self, members } = await planCluster(flags, noLookUp);
  assert.equal(idText(id), "acccc8912db0cd57");
  assert.equal(idText(self.id), "140fedbeeb74765d");
  assert.deepEqual(
    members.map(({ name }) => name),
    ["m3", "m1", "m2"],
  );
});

test("a name may repeat: its URLs are collected and sorted; empty parts do not count", async () => {
  const flags = {
    name: "a",
    initialCluster: ",a=http://127.0.0.1:23027,,a=http://127.0.0.1:23025,",
    initialClusterToken: "tok1",
    initialAdvertisePeerURLs: "http://127.0.0.1:23027,http://127.0.0.1:23025",
  };
  const { self } = await planCluster(flags, noLookUp);
  assert.equal(idText(self.id), "7fc4bacb9ccc4558");
  assert.deepEqual(self.peerURLs, ["http://127.0.0.1:23025", "http://127.0.0.1:23027"]);
});

test("another token gives other ids", async () => {
  const first = await planCluster(DEFAULTS, noLookUp);
  const second = await planCluster(
    { ...DEFAULTS, initialClusterToken: "after-the-fire" },
    noLookUp,
  );
  assert.notEqual(first.id, second.id);
  assert.notEqual(first.self.id, second.self.id);
});

test("URLs that differ in text agree when they resolve to the same address", async () => {
  const flags = { ...DEFAULTS, initialCluster: "default=http://etcd-1:2380" };
  const { self } = await planCluster(
    { ...flags, initialAdvertisePeerURLs: "http://10.0.0.1:2380" },
    lookUp,
  );
  assert.deepEqual(self.peerURLs, ["http://etcd-1:2380"]);
  await planCluster(
    {
      ...DEFAULTS,
      initialCluster: "default=http://six.example:2380",
      initialAdvertisePeerURLs: "http://[2001:db8::1]:2380",
    },
    lookUp,
  );
});

test("planCluster() refuses what etcdutl refuses, in its words", async () => {
  const cases: [Partial<ClusterFlags>, RegExp][] = [
    [{ name: "zz" }, /^couldn't find local name "zz" in the initial cluster configuration$/],
    [{ initialCluster: "" }, /^couldn't find local name "default"/],
    [{ initialCluster: "default" }, /^URL scheme must be http, https, unix, or unixs: $/],
    [
      { initialAdvertisePeerURLs: "http://localhost:2381" },
      /^--initial-cluster has default=http:\/\/localhost:2380 but missing from --initial-advertise-peer-urls=http:\/\/localhost:2381 \(resolved urls: "http:\/\/localhost:2381" != "http:\/\/localhost:2380"\)$/,
    ],
    [
      { initialAdvertisePeerURLs: "http://localhost:2380,http://localhost:2381" },
      /^--initial-advertise-peer-urls has http:\/\/localhost:2381 but missing from --initial-cluster/,
    ],
    [
      { initialAdvertisePeerURLs: "http://nowhere.invalid:2380" },
      /^--initial-cluster has default=http:\/\/localhost:2380 .* \(getaddrinfo ENOTFOUND nowhere\.invalid\)$/,
    ],
    [
      { initialCluster: "default=http://localhost:2380,b=http://localhost:2380" },
      /^initial cluster b=http:\/\/localhost:2380,default=http:\/\/localhost:2380 has duplicate url$/,
    ],
    [{ initialCluster: "default=http://localhost:2380/" }, /^URL must not contain a path/],
    [{ initialAdvertisePeerURLs: "" }, /^URL scheme must be/],
  ];
  for (const [change, message] of cases) {
    await assert.rejects(
      planCluster({ ...DEFAULTS, ...change }, lookUp),
      (error: HoldfastError) => {
        assert.equal(error.code, "initial-cluster");
        assert.equal(error.exitStatus, 1);
        assert.match(error.message, message);
        assert.notEqual(error.hint, undefined);
        return true;
      },
    );
  }
});
