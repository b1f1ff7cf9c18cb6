import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "../errors.ts";
import { parseLocation } from "./location.ts";

const ENV = { HOME: "/home/x" };

interface Parsed {
  user?: string;
  host?: string;
  port?: number;
  path?: string;
  parameters?: Record<string, string>;
}

const GOOD: readonly (readonly [url: string, scheme: string, parsed: Parsed])[] = [
  ["/var/backups", "file", { path: "/var/backups" }],
  ["/var/back ups/100%?x=1#y", "file", { path: "/var/back ups/100%?x=1#y" }],
  ["/var//backups/./prod/", "file", { path: "/var/backups/prod" }],
  ["file:///var/back%20ups/", "file", { path: "/var/back ups" }],
  ["FILE:///var", "file", { path: "/var" }],
  ["s3://my.bucket", "s3", { host: "my.bucket" }],
  [
    "s3://bucket/prod/eu?endpoint=https://minio.example:9000&region=eu-1&pathStyle=true",
    "s3",
    {
      host: "bucket",
      path: "prod/eu",
      parameters: { endpoint: "https://minio.example:9000", region: "eu-1", pathStyle: "true" },
    },
  ],
  ["s3://b?caFile=/etc/ca.pem", "s3", { host: "b", parameters: { caFile: "/etc/ca.pem" } }],
  [
    "s3://b?caFile=/etc/c++/a%20b.pem&",
    "s3",
    { host: "b", parameters: { caFile: "/etc/c++/a b.pem" } },
  ],
  ["gs://bucket_with_lines/p", "gs", { host: "bucket_with_lines", path: "p" }],
  ["azblob://account/container/p/q", "azblob", { host: "account", path: "container/p/q" }],
  [
    "sftp://backup@host.example:2222/srv/etcd",
    "sftp",
    { user: "backup", host: "host.example", port: 2222, path: "srv/etcd" },
  ],
  ["sftp://[::1]:22/srv", "sftp", { host: "::1", port: 22, path: "srv" }],
  ["rsync://u@h/module/deep", "rsync", { user: "u", host: "h", path: "module/deep" }],
  ["rsync+ssh://u@h:22/srv/x", "rsync+ssh", { user: "u", host: "h", port: 22, path: "srv/x" }],
];
for (const [url, scheme, { user, host = "", port, path = "", parameters = {} }] of GOOD) {
  test(`understands ${url}`, () => {
    const found = parseLocation(url, ENV);
    assert.deepEqual(
      { ...found, parameters: Object.fromEntries(found.parameters) },
      { url, scheme, user, host, port, path, parameters, env: ENV },
    );
  });
}

const BAD: readonly (readonly [url: string, message: RegExp, hint?: RegExp])[] = [
  ["./backups", /neither/],
  ["ftp://host/x", /"ftp:\/\/" is no kind of store/, /sftp:\/\//],
  ["s3:/bucket", /neither/],
  ["s3://", /has no bucket/, /s3:\/\/bucket/],
  ["s3:///prefix", /cannot be read|has no bucket/],
  ["file://host/path", /no host/, /file:\/\/\/absolute/],
  ["file:///", /no path/],
  ["azblob://account", /no container/],
  ["sftp://host", /no path/],
  ["s3://user@bucket", /no user and no port/],
  ["s3://bucket:80", /no user and no port/],
  ["s3://bucket/a//b", /path of the URL has ""/],
  ["s3://bucket/a/../b", /path of the URL has "\.\."/],
  ["s3://bucket/a/%2e%2e/b", /path of the URL has "\.\."/],
  ["s3://bucket/a%2fb", /path of the URL has "a\/b"/],
  ["s3://bucket/a%00b", /path of the URL has/],
  ["s3://bucket/100%", /"%" stands alone/],
  ["/var/../etc", /without "\.\."/],
  ["/var/\n", /control characters/],
  ["s3://bucket/a#b", /%23/],
  ["s3://bucket?Region=eu", /no parameter "Region"/, /did you mean region\?/],
  ["s3://bucket?path-style=true", /no parameter "path-style"/, /did you mean pathStyle\?/],
  ["s3://bucket?endpiont=x", /no parameter "endpiont"/, /did you mean endpoint\?/],
  ["s3://bucket?flavour=vanilla", /no parameter "flavour"/, /^there are endpoint, region/],
  ["file:///var?x=1", /no parameter "x"/, /there are none/],
  ["s3://bucket?region=a&region=b", /"region" is given twice/],
  ["s3://bucket?pathStyle=yes", /"pathStyle" is "yes", wanted true or false/],
  ["s3://bucket?endpoint=minio:9000", /"endpoint" is .*wanted a URL/],
  ["s3://bucket?endpoint=http://minio:99999", /"endpoint" is .*wanted a URL/],
  ["s3://bucket?endpoint=http://minio?x=1", /"endpoint" is .*wanted a URL/],
  ["gs://bucket?proxy=http://minio:port", /"proxy" is .*wanted a URL/],
  ["s3://bucket?lockMode=governance&lockDays=999999999", /"lockDays" is .*from 1 to 99999/],
  ["s3://bucket?lockMode=governance&lockDays=0", /"lockDays" is .*from 1 to 99999/],
  ["azblob://account/container?storageClass=Archive", /"Archive", wanted Hot, Cool, Cold/],
  [`s3://bucket/${"long/".repeat(77)}`, /384 bytes, wanted at most 383/, /1024/],
  ["s3://bucket?caFile=ca.pem", /"caFile" is "ca.pem", wanted an absolute path/],
  ["s3://bucket?sse=DES", /"sse" is "DES", wanted AES256/],
];
for (const [url, message, hint] of BAD) {
  test(`refuses ${JSON.stringify(url)}`, () => {
    assert.throws(
      () => parseLocation(url, ENV),
      (error) => {
        assert.ok(error instanceof HoldfastError);
        assert.equal(error.code, "store-url");
        assert.match(error.message, message);
        if (hint !== undefined) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

const SECRETS: readonly string[] = [
  "s3://AKIA:hunter2@bucket/x",
  "sftp://user:hunter2@host/srv",
  "rsync://user:hunter2@host/module",
  "s3://bucket?secretAccessKey=hunter2",
  "s3://bucket?secret_access_key=hunter2",
  "s3://bucket?accessKeyId=hunter2",
  "s3://bucket?sessionToken=hunter2",
  "azblob://account/container?sig=hunter2",
  "azblob://account/container?accountKey=hunter2",
  "azblob://account/container?sasToken=hunter2",
  "gs://bucket?credentials=hunter2",
  "rsync://host/module?password=hunter2",
  "s3://bucket?endpoint=https://me:hunter2@minio.example",
  "s3://bucket?proxy=http://me:hunter2@proxy.example:3128",
  "s3://me:hunter2@[bucket/x",
  "nonsense://me:hunter2@bucket/x",
  "me:hunter2@bucket",
  "s3://bucket/%?secretKey=hunter2",
];
for (const url of SECRETS) {
  test(`refuses ${url}, and does not repeat the secret`, () => {
    assert.throws(
      () => parseLocation(url, ENV),
      (error) => {
        assert.ok(error instanceof HoldfastError);
        assert.equal(error.code, "store-url");
        assert.doesNotMatch(`${error.stack} ${error.hint} ${String(error.cause)}`, /hunter2/);
        return true;
      },
    );
  });
}
