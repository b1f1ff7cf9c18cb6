/**
 * The few calls that tests make on a real member, encoded by hand after etcd's `rpc.proto`: it shares nothing with
 * the client under test but the protobuf wire format.
 */
import { readFileSync } from "node:fs";
import { Client, Metadata, credentials } from "@grpc/grpc-js";
import { bytesText, concatBytes, textBytes } from "../../src/format/bytes.ts";
import { bytesField, readFields, varintField } from "../../src/format/protobuf.ts";
import type { Field } from "../../src/format/protobuf.ts";
import type { TlsFiles } from "./certificates.ts";
import type { Credentials } from "./etcd.ts";

type Bytes = string | Uint8Array;

export interface Put {
  readonly key: Bytes;
  readonly value: Bytes;
  /** Lease id; none when left out. */
  readonly lease?: bigint;
}

export interface ServerHash {
  readonly hash: number;
  /** What was hashed up to; servers before 3.6 do not say, then it is the head. */
  readonly revision: bigint;
  /** -1n when nothing was ever compacted. */
  readonly compactRevision: bigint;
}

export interface ServerStatus {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly leader: bigint;
  readonly revision: bigint;
  readonly version: string;
  readonly dbSize: number;
  readonly dbSizeInUse: number;
}

export interface TestClient extends Disposable {
  /** Any unary call: `/etcdserverpb.KV/Range` and the encoded request. */
  call(path: string, request: Uint8Array): Promise<Uint8Array>;
  /** These and `deleteRange` give the revision that they made. */
  put(key: Bytes, value: Bytes, lease?: bigint): Promise<bigint>;
  /** All in one transaction, so in one revision; etcd takes 128, all keys different. */
  putAll(puts: readonly Put[]): Promise<bigint>;
  /** [key, end), or the one key. */
  deleteRange(key: Bytes, end?: Bytes): Promise<bigint>;
  /** The value now, or at a revision. */
  get(key: Bytes, revision?: bigint): Promise<Uint8Array | undefined>;
  /** A lease; the server chooses the id when none is given. */
  grant(ttlSeconds: number, id?: bigint): Promise<bigint>;
  /** Returns after the rows are really gone. */
  compact(revision: bigint): Promise<void>;
  /** Of this member alone, as `hashKV`, `status` and `raise`. */
  defragment(): Promise<void>;
  hashKV(revision?: bigint): Promise<ServerHash>;
  status(): Promise<ServerStatus>;
  raise(alarm: "NOSPACE" | "CORRUPT"): Promise<void>;
}

export interface ConnectOptions {
  readonly tls?: TlsFiles | undefined;
  readonly auth?: Credentials | undefined;
}

/** Connects to one member by its client URL. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<TestClient> {
  const { host } = new URL(url);
  // the test certificates hold for that name too, and TLS knows no addresses as server names
  const name = { "grpc.ssl_target_name_override": "localhost" };
  const channel = new Client(host, channelCredentials(options.tls), options.tls ? name : {});
  const metadata = new Metadata();
  const call = (path: string, request: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      channel.makeUnaryRequest(
        path,
        (message: Uint8Array) => Buffer.from(message),
        (bytes: Buffer) => new Uint8Array(bytes),
        request,
        metadata,
        (error, answer) => (answer === undefined ? reject(error as Error) : resolve(answer)),
      );
    });
  if (options.auth !== undefined) metadata.set("token", await authenticate(call, options.auth));
  return { call, ...keyCalls(call), ...memberCalls(call), [Symbol.dispose]: () => channel.close() };
}

type Call = TestClient["call"];

function channelCredentials(tls: TlsFiles | undefined) {
  if (tls === undefined) return credentials.createInsecure();
  const [ca, key, cert] = [tls.caFile, tls.keyFile, tls.certFile].map((file) => readFileSync(file));
  return credentials.createSsl(ca, key, cert);
}

async function authenticate(call: Call, { user, password }: Credentials): Promise<string> {
  const request = concatBytes([text(1, user), text(2, password)]);
  return bytesText(field(await call("/etcdserverpb.Auth/Authenticate", request), 2).bytes);
}

function keyCalls(call: Call) {
  return {
    put: async (key: Bytes, value: Bytes, lease = 0n) =>
      header(await call("/etcdserverpb.KV/Put", putRequest({ key, value, lease })), 3),
    putAll: async (puts: readonly Put[]) => {
      const operations = puts.map((put) => bytesField(2, bytesField(2, putRequest(put))));
      return header(await call("/etcdserverpb.KV/Txn", concatBytes(operations)), 3);
    },
    deleteRange: async (key: Bytes, end?: Bytes) => {
      const request = concatBytes([text(1, key), end === undefined ? NOTHING : text(2, end)]);
      return header(await call("/etcdserverpb.KV/DeleteRange", request), 3);
    },
    get: async (key: Bytes, revision = 0n) => {
      const request = concatBytes([text(1, key), varintField(4, revision)]);
      const found = find(await call("/etcdserverpb.KV/Range", request), 2);
      return found && field(found.bytes, 5).bytes;
    },
    grant: async (ttlSeconds: number, id = 0n) => {
      const request = concatBytes([varintField(1, ttlSeconds), varintField(2, id)]);
      return signed(await call("/etcdserverpb.Lease/LeaseGrant", request), 2);
    },
    compact: async (revision: bigint) => {
      const request = concatBytes([varintField(1, revision), varintField(2, 1)]);
      await call("/etcdserverpb.KV/Compact", request);
    },
  };
}

function memberCalls(call: Call) {
  const maintenance = (verb: string, request: Uint8Array) =>
    call(`/etcdserverpb.Maintenance/${verb}`, request);
  const status = async (): Promise<ServerStatus> => {
    const answer = await maintenance("Status", NOTHING);
    return {
      clusterId: header(answer, 1),
      memberId: header(answer, 2),
      revision: header(answer, 3),
      leader: field(answer, 4).varint,
      version: bytesText(field(answer, 2).bytes),
      dbSize: Number(field(answer, 3).varint),
      dbSizeInUse: Number(field(answer, 9).varint),
    };
  };
  return {
    status,
    defragment: async () => void (await maintenance("Defragment", NOTHING)),
    hashKV: async (revision = 0n) => {
      const answer = await maintenance("HashKV", varintField(1, revision));
      const told = signed(answer, 4);
      const head = revision === 0n ? header(answer, 3) : revision;
      return {
        hash: Number(field(answer, 2).varint),
        revision: told === 0n ? head : told,
        compactRevision: signed(answer, 3),
      };
    },
    raise: async (alarm: "NOSPACE" | "CORRUPT") => {
      const { memberId } = await status();
      const kind = alarm === "NOSPACE" ? 1 : 2;
      const request = [varintField(1, 1), varintField(2, memberId), varintField(3, kind)];
      await maintenance("Alarm", concatBytes(request));
    },
  };
}

const NOTHING = new Uint8Array(0);

function text(number: number, content: Bytes): Uint8Array {
  return bytesField(number, typeof content === "string" ? textBytes(content) : content);
}

function putRequest({ key, value, lease = 0n }: Put): Uint8Array {
  return concatBytes([text(1, key), text(2, value), varintField(3, lease)]);
}

function find(message: Uint8Array, number: number): Field | undefined {
  for (const one of readFields(message)) if (one.number === number) return one;
  return undefined;
}

/** A field of a message, or its zero. */
function field(message: Uint8Array, number: number): Pick<Field, "varint" | "bytes"> {
  return find(message, number) ?? { varint: 0n, bytes: NOTHING };
}

function signed(message: Uint8Array, number: number): bigint {
  return BigInt.asIntN(64, field(message, number).varint);
}

/** A field of the response header: 1 cluster id, 2 member id, 3 revision. */
function header(message: Uint8Array, number: number): bigint {
  return field(field(message, 1).bytes, number).varint;
}
