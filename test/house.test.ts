/** The rules of the house (ARCHITECTURE.md), held by reading the sources. Nothing here depends on the linter. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Who may import whom. A room may always import itself and errors.ts; dynamic and type imports count. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  format: [],
  policy: [],
  io: ["format"],
  etcd: ["format", "io", "policy"],
  inspect: ["format", "io"],
  store: ["format", "io"],
  pack: ["format", "io"],
  seal: ["format", "io"],
  repository: ["format", "policy", "io", "inspect", "store", "pack", "seal"],
  backup: ["format", "policy", "io", "etcd", "inspect", "store", "pack", "seal", "repository"],
  restore: ["format", "policy", "io", "inspect", "store", "pack", "seal", "repository"],
  cli: [
    "format",
    "policy",
    "io",
    "etcd",
    "inspect",
    "backup",
    "restore",
    "store",
    "pack",
    "seal",
    "repository",
  ],
  "main.ts": ["cli"],
  "index.ts": ["format", "io", "inspect"],
  "errors.ts": [],
};

/** Rooms whose files see neither the operating system nor a package. */
const PURE = ["format/", "policy/", "errors.ts"];

/** Third-party packages and the places that own them. */
const OWNERS: Record<string, readonly string[]> = {
  "@aws-sdk/client-s3": ["store/s3/"],
  "@azure/identity": ["store/azblob/"],
  "@azure/storage-blob": ["store/azblob/"],
  "@bufbuild/protobuf": ["etcd/"],
  "@google-cloud/storage": ["store/gs/"],
  "@grpc/grpc-js": ["etcd/"],
  "@node-rs/crc32": ["io/crc32c.ts"],
  "age-encryption": ["seal/"],
  "bcrypt-pbkdf": ["seal/ssh-key-file.ts"],
  commander: ["cli/"],
  openpgp: ["seal/"],
  ssh2: ["store/sftp/", "store/ssh/"],
  yaml: ["cli/texts/output.ts"],
  zod: ["repository/"],
};

/** Modules of Node that touch the world, and the places that may. */
const NODE_OWNERS: Record<string, readonly string[]> = {
  "node:child_process": ["io/"],
  "node:dns": ["etcd/", "io/"],
  "node:fs": ["io/"],
  "node:http2": ["etcd/"],
  "node:net": ["etcd/", "io/"],
  "node:timers": ["io/"],
  "node:tls": ["etcd/", "store/http.ts"],
  "node:worker_threads": ["io/"],
};

/** Globals that touch the world, and the places that may. */
const GLOBALS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\bprocess\.(env|argv|exit|exitCode|stdin|stdout|stderr)\b/, ["cli/", "main.ts"]],
  [/\bprocess\./, ["cli/", "main.ts", "io/"]],
  [/\bconsole\./, ["cli/", "main.ts"]],
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\./, ["io/"]],
  [/\b(setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/, ["io/"]],
  [/\bMath\.random\b|\bcrypto\.getRandomValues\b|\brandomUUID\b/, ["io/"]],
];

const MOST_LINES = 450;

interface Source {
  /** Relative to `src/`. */
  readonly path: string;
  readonly room: string;
  /** Without comments; strings as they are. */
  readonly code: string;
  readonly imports: readonly string[];
}

const GENERATED = "etcd/gen/";
const ALL = globSync("src/**/*.ts", { cwd: ROOT }).map((path) => source(relative("src", path)));
const TESTS = ALL.filter(({ path }) => path.endsWith(".test.ts"));
const SOURCES = ALL.filter((one) => !TESTS.includes(one));

function source(path: string): Source {
  const code = withoutComments(readFileSync(join(ROOT, "src", path), "utf8"));
  return { path, room: path.split("/")[0]!, code, imports: importsOf(code) };
}

function withoutComments(text: string): string {
  const quoted = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/;
  const comment = /\/\/[^\n]*|\/\*[^]*?\*\//;
  const either = new RegExp(`(${quoted.source})|${comment.source}`, "g");
  return text.replace(either, (_, kept: string | undefined) => kept ?? " ");
}

function importsOf(code: string): string[] {
  const forms = /\bfrom\s+["']([^"']+)["']|(?<!["'])\b(?:import|require)\s*\(?\s*["']([^"']+)["']/g;
  return [...code.matchAll(forms)].map((match) => match[1] ?? match[2]!);
}

/** Where a relative import leads, relative to `src/`. */
function target({ path }: Source, specifier: string): string {
  return relative(join(ROOT, "src"), resolve(ROOT, "src", dirname(path), specifier));
}

const isRelative = (specifier: string): boolean => specifier.startsWith(".");
const isNode = (specifier: string): boolean => specifier.startsWith("node:");
const within = ({ path }: Source, places: readonly string[]): boolean =>
  places.some((place) => path.startsWith(place));
const packageName = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Every breach in one list, so that one run shows all of them. */
function breaches(sources: readonly Source[], look: (one: Source) => Iterable<string>): string[] {
  return sources.flatMap((one) => [...look(one)].map((breach) => `${one.path} ${breach}`));
}

function* badRooms(one: Source): Iterable<string> {
  for (const specifier of one.imports.filter(isRelative)) {
    const to = target(one, specifier);
    const room = to.split("/")[0]!;
    const allowed = [one.room, "errors.ts", ...(MAY_IMPORT[one.room] ?? [])];
    if (!allowed.includes(room)) yield `imports ${to}`;
  }
}

function* badPackages(one: Source): Iterable<string> {
  for (const specifier of one.imports.filter((name) => !isRelative(name))) {
    if (isNode(specifier)) {
      const owners = NODE_OWNERS[specifier.split("/")[0]!];
      if (within(one, PURE) || (owners && !within(one, owners))) yield `imports ${specifier}`;
    } else if (!within(one, OWNERS[packageName(specifier)] ?? [])) yield `imports ${specifier}`;
  }
}

function* badGlobals(one: Source): Iterable<string> {
  for (const [pattern, places] of GLOBALS) {
    const found = pattern.exec(one.code);
    if (found && !within(one, places)) yield `uses ${found[0]}`;
  }
  if (within(one, PURE) && /\bBuffer\b/.test(one.code)) yield "uses Buffer";
}

test("rooms import only what the table allows", () => {
  assert.deepEqual(breaches(SOURCES, badRooms), []);
});

test("the table lets nobody go round in a circle", () => {
  const reaches = (room: string, seen: readonly string[]): boolean =>
    seen.includes(room) || MAY_IMPORT[room]!.some((next) => reaches(next, [...seen, room]));
  assert.deepEqual(
    Object.keys(MAY_IMPORT).filter((room) => reaches(room, [])),
    [],
  );
});

test("every room of the table exists and holds something, and no other does", () => {
  const rooms = new Set(SOURCES.map(({ room }) => room));
  assert.deepEqual([...rooms].toSorted(), Object.keys(MAY_IMPORT).toSorted());
});

test("drivers of stores are loaded by store/open.ts alone, and only when they are asked for", () => {
  const open = SOURCES.find(({ path }) => path === "store/open.ts")!;
  const drivers = [...open.code.matchAll(/await import\("\.\/([^"]+)"\)/g)].map(
    (found) => found[1]!,
  );
  assert.ok(drivers.includes("file/file.ts"));
  const others = SOURCES.filter(({ path }) => path !== open.path);
  const bad = breaches(others, function* (one) {
    for (const to of one.imports.filter(isRelative).map((name) => target(one, name)))
      if (drivers.some((driver) => to === `store/${driver}`)) yield `imports ${to}`;
  });
  assert.deepEqual(bad, []);
});

test("packages and modules of Node stay in the places that own them; pure rooms have none", () => {
  assert.deepEqual(breaches(SOURCES, badPackages), []);
});

test("process, console, clock, timers and chance are used only where the house allows", () => {
  assert.deepEqual(
    breaches(
      SOURCES.filter((one) => !within(one, [GENERATED])),
      badGlobals,
    ),
    [],
  );
});

test("tests import their own room, what it may, and test/support", () => {
  const bad = breaches(TESTS, function* (one) {
    for (const breach of badRooms(one)) {
      if (!breach.startsWith("imports ../test/support/")) yield breach;
    }
  });
  assert.deepEqual(bad, []);
});

test(`no file is longer than ${MOST_LINES} lines`, () => {
  const files = globSync("{src,test,demo,bench,examples,scripts}/**/*.ts", { cwd: ROOT });
  const long = files.filter((path) => {
    const lines = readFileSync(join(ROOT, path), "utf8").split("\n").length - 1;
    return lines > MOST_LINES && !path.startsWith(`src/${GENERATED}`);
  });
  assert.deepEqual(long, []);
});

test("the reader of sources sees every form of import and no comment", () => {
  const code = withoutComments(
    `// import "a"\n/* from "b" */ import x from "c"; export { y } from 'd'; const s = "// not a comment";
     await import("e"); type T = import("f").T; import "g"; createRequire("h"); require("i"); Buffer.from("j");
     new Command("import").description("k");`,
  );
  assert.deepEqual(importsOf(code), ["c", "d", "e", "f", "g", "i"]);
  assert.match(code, /not a comment/);
});
