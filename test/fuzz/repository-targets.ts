/** What lies in a store, or in a file of keys: everything that somebody else can have written there. */
import { zstdCompressSync } from "node:zlib";
import { parseByteCount } from "../../src/cli/flags/byte-count.ts";
import { parseLongDuration } from "../../src/cli/flags/long-duration.ts";
import { HoldfastError } from "../../src/errors.ts";
import { AGE_MAGIC, parseAgeHeader } from "../../src/format/age/header.ts";
import { chunksOf } from "../../src/format/age/stream.ts";
import { toBase64 } from "../../src/format/base64.ts";
import { bytesText, concatBytes, textBytes } from "../../src/format/bytes.ts";
import { encodeAllowedSigner } from "../../src/format/ssh/allowed-signers.ts";
import { decodePrivatePart, encodeKeyFile } from "../../src/format/ssh/private-key.ts";
import {
  decodePublicKey,
  decodePublicKeyLine,
  encodeEd25519PublicKey,
} from "../../src/format/ssh/public-key.ts";
import type { Ed25519PublicKey } from "../../src/format/ssh/public-key.ts";
import { decodeSignature, encodeSignature } from "../../src/format/ssh/signature.ts";
import { FrameCutter } from "../../src/format/zstd/frame.ts";
import { encodeSeekTable } from "../../src/format/zstd/seek-table.ts";
import { openPacked } from "../../src/pack/packed.ts";
import { timeInName } from "../../src/policy/name-time.ts";
import { parseBackupId, parseKey } from "../../src/repository/layout.ts";
import { decodeManifest } from "../../src/repository/manifest.ts";
import { parseIdentities } from "../../src/seal/identities.ts";
import { parseRecipients } from "../../src/seal/recipients.ts";
import { parseAllowedSigners } from "../../src/seal/signature.ts";
import { readSigningKey } from "../../src/seal/signing-key.ts";
import { isKey } from "../../src/store/key.ts";
import { knownKeys } from "../../src/store/ssh/known-hosts.ts";
import { parseLocation } from "../../src/store/location.ts";
import { parseList } from "../../src/store/rsync/list.ts";
import { makeBackup } from "../support/repository.ts";
import type { Target } from "./targets.ts";
import { ignoringOurs, ignoringOursLater } from "./promised.ts";

const BODY = "B".repeat(64);
const POINT = Uint8Array.from({ length: 32 }, (_, at) => at);
const BLOB = encodeEd25519PublicKey(POINT);
const KEY = decodePublicKey(BLOB) as Ed25519PublicKey;
const LINE = `ssh-ed25519 ${toBase64(BLOB)}`;

const AGE_HEADERS = [
  `${AGE_MAGIC}-> X25519 ${"A".repeat(43)}\n${"C".repeat(43)}\n--- ${"A".repeat(43)}\nnonce`,
  `${AGE_MAGIC}-> a b c\n${BODY}\n\n-> d\n${BODY}\n${BODY}\nQQ\n--- ${"A".repeat(43)}\n`,
].map(textBytes);

/** Three frames and their seek table. */
function packed(): Uint8Array {
  const plain = [5000, 0, 70_000].map((size, i) => new Uint8Array(size).fill(i + 65));
  const frames = plain.map((bytes) => new Uint8Array(zstdCompressSync(bytes)));
  const sizes = frames.map((frame, i) => ({ packed: frame.length, plain: plain[i]!.length }));
  return concatBytes([...frames, encodeSeekTable(sizes)]);
}

const KEY_FILES = [
  encodeKeyFile({ type: "ssh-ed25519", seed: POINT, point: POINT }, "somebody", 7),
  `${LINE} somebody@host\n`,
  `age1${"q".repeat(58)}\n# a comment\n${LINE}\n`,
  `AGE-SECRET-KEY-1${"Q".repeat(58)}\n`,
  `${encodeAllowedSigner("somebody@host", "holdfast", KEY)}\n"a b" namespaces="x,hold*" ${LINE} c\n`,
  encodeSignature({ key: KEY, namespace: "holdfast", signature: new Uint8Array(64) }),
  "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n",
].map(textBytes);

const ID = "20261124T070000Z-l1-r7-0123456789abcdef";
const NAME = parseBackupId(ID, "prod")!;

/** The manifest of a backup, always the same. */
async function manifest(): Promise<Uint8Array> {
  const { bytes, name } = await makeBackup({
    time: NAME.time,
    data: textBytes("a snapshot"),
  });
  return textBytes(bytesText(bytes).replaceAll(name.id, ID));
}

const TEXTS = [
  "s3://bucket/prefix?region=eu-central-1&endpoint=https://127.0.0.1:9000",
  "sftp://user@[::1]:22/~/folder?host-key=SHA256:abc",
  "rsync://host/module/folder",
  "azblob://container/prefix?account=x",
  "gs://bucket/a/b",
  "file:///var/backups/a%20b",
  "prod/backups/20261124T070000Z-l1-r7-0123456789abcdef.json",
  "prod/reports/20261124T070000Z-l1-r7-0123456789abcdef.json.age",
  "-rw-r--r--          1,234 2026/11/24 07:00:00 a name",
  `[host]:22,other ${LINE}\n@revoked * ${LINE}\n|1|c2FsdA==|aGFzaA== ${LINE}`,
  "etcd-20261124-070320.db",
  "1y2w3d4h",
  "10MiB",
].map(textBytes);

/** Files with a passphrase are there to be opened by somebody who has it: nobody has. */
const nobody = (): Promise<never> =>
  Promise.reject(new HoldfastError("identity-unusable", "there is nobody to ask"));

export const REPOSITORY_TARGETS: readonly Target[] = [
  {
    name: "age header",
    corpus: AGE_HEADERS,
    share: 5,
    run(input) {
      ignoringOurs(() => parseAgeHeader(input));
      chunksOf(input.length);
    },
  },
  {
    name: "packed",
    corpus: [packed()],
    share: 5,
    async run(input, chance) {
      const cutter = new FrameCutter();
      ignoringOurs(() => {
        for (let at = 0, size = 0; at < input.length; at += size) {
          size = chance.between(1, 5000);
          const piece = input.subarray(at, at + size);
          for (let from = 0; from < piece.length;) from = cutter.cut(piece, from);
        }
      });
      await ignoringOursLater(async () => {
        const readAt = async (offset: number, length: number) =>
          Uint8Array.from(input.subarray(offset, offset + length));
        const source = await openPacked(readAt, input.length);
        await source.readAt(chance.between(0, 80_000), chance.between(0, 80_000));
      });
    },
  },
  {
    name: "key files",
    corpus: KEY_FILES,
    share: 10,
    async run(input) {
      const file = { name: "fuzz", content: input };
      const text = bytesText(input);
      ignoringOurs(() => decodePrivatePart(input));
      ignoringOurs(() => decodePublicKeyLine(text));
      ignoringOurs(() => decodeSignature(text));
      ignoringOurs(() => parseAllowedSigners(file));
      await ignoringOursLater(() => parseRecipients(file));
      await ignoringOursLater(() => parseIdentities([file], nobody));
      await ignoringOursLater(() => readSigningKey(file, nobody));
    },
  },
  {
    name: "manifest",
    corpus: [await manifest()],
    share: 5,
    run(input) {
      decodeManifest(input, NAME);
    },
  },
  {
    name: "names and listings",
    corpus: TEXTS,
    share: 5,
    run(input) {
      const text = bytesText(input);
      ignoringOurs(() => parseLocation(text, {}));
      ignoringOurs(() => knownKeys(text, "host", 22));
      ignoringOurs(() => parseLongDuration(text));
      ignoringOurs(() => parseByteCount(text));
      parseList(text);
      parseKey(text);
      parseBackupId(text, "prod");
      isKey(text);
      timeInName(text);
    },
  },
];
