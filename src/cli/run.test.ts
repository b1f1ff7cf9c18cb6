import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../../test/support/cli.ts";
import { Interruption } from "./context.ts";
import { VERBS } from "./verbs.ts";

test("without a command, or with a family alone, the help is the result", async () => {
  for (const argv of [
    [],
    ["--help"],
    ["help"],
    ["snapshot"],
    ["help", "snapshot"],
    ["snapshot", "--debug"],
    ["--log-format=json"],
  ]) {
    const { status, stdout, stderr } = await runCommand(argv);
    assert.deepEqual([status, stderr], [0, ""], argv.join(" "));
    assert.match(stdout, /^Usage: holdfast/);
  }
});

test("every command has a help with examples and exit statuses, by both ways to it", async () => {
  for (const { words } of VERBS) {
    const byFlag = await runCommand([...words, "--help"]);
    const byCommand = await runCommand(["help", ...words]);
    assert.equal(byFlag.status, 0);
    assert.equal(byFlag.stdout, byCommand.stdout);
    assert.match(byFlag.stdout, new RegExp(`^Usage: holdfast ${words.join(" ")} `));
    for (const part of [
      /\nExamples:\n {2}# /,
      /\nExit status:\n {4}0 /,
      /\n {2}128 /,
      /\n {2}130 /,
    ])
      assert.match(byFlag.stdout, part, words.join(" "));
  }
});

test("every line of the help fits into a hundred columns, examples apart", async () => {
  for (const { words } of VERBS) {
    const { stdout } = await runCommand([...words, "--help"]);
    for (const line of stdout.split("\n"))
      assert.ok(line.length <= 100 || /^ {2}(?:zstd -dc \S+ \| )?holdfast /.test(line), line);
  }
});

test("a flag that means nothing here takes only values of its kind all the same, as in etcd's tools", async () => {
  for (const [line, flag, value] of [
    ["snapshot status /nowhere", "--timeout", "abc"],
    ["snapshot status /nowhere", "--command-timeout", "5"],
    ["hashkv /nowhere", "--max-recv-bytes", "1k"],
    ["snapshot save /nowhere/x", "--max-request-bytes", "1.5"],
    ["snapshot restore /nowhere", "--timeout", ""],
    ["snapshot restore /nowhere", "--initial-memory-map-size", "-1"],
  ] as const) {
    const { status, stderr } = await runCommand([...line.split(" "), `${flag}=${value}`]);
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`${flag} <.*argument '${value}' is invalid`), line);
  }
});

const WRONG: [line: string, status: number, stderr: string][] = [
  ["versin", 1, "unknown command 'versin'\nHint: did you mean version? see holdfast --help"],
  [
    "snapshot stats x",
    1,
    "unknown command 'stats'\nHint: did you mean status? see holdfast snapshot --help",
  ],
  ["frobnicate --help", 1, "unknown command 'frobnicate'\nHint: see holdfast --help"],
  ["help frobnicate", 1, "unknown command 'frobnicate'\nHint: see holdfast --help"],
  [
    "snapshot status x --write-uot=json",
    1,
    "unknown option '--write-uot'\nHint: did you mean --write-out? see holdfast snapshot status --help",
  ],
  [
    "version --outptu json",
    1,
    "unknown option '--outptu'\nHint: did you mean --output? see holdfast version --help",
  ],
  ["version --debug=perhaps", 1, 'invalid value "perhaps" for --debug: want true or false'],
  [
    "snapshot status",
    128,
    "missing required argument 'file'\nHint: see holdfast snapshot status --help",
  ],
  [
    "restore latest",
    128,
    "required option '--data-dir <dir>' not specified\nHint: see holdfast restore --help",
  ],
  [
    "snapshot status a b",
    128,
    "too many arguments for 'status'. Expected 1 argument but got 2: a, b\nHint: see holdfast snapshot status --help",
  ],
  [
    "snapshot status -w protobuf a",
    4,
    "protobuf not supported as output format\nHint: use one of simple, json, fields, table",
  ],
  [
    "snapshot status -w xml a",
    4,
    'unsupported output format "xml"\nHint: use one of simple, json, fields, table',
  ],
];
for (const [line, status, message] of WRONG) {
  test(`holdfast ${line} exits with ${status} and says what is wrong`, async () => {
    const { status: exit, stdout, stderr } = await runCommand(line.split(" "));
    const result = { status: exit, stdout, stderr };
    assert.deepEqual(result, { status, stdout: "", stderr: `Error: ${message}\n` });
  });
}

test("with --log-format json an error is one line with code, status and hint", async () => {
  const { status, stderr } = await runCommand([
    "snapshot",
    "status",
    "--log-format=json",
    "/nowhere",
  ]);
  assert.equal(status, 1);
  const { time, ...event } = JSON.parse(stderr) as Record<string, unknown>;
  assert.match(String(time), /Z$/);
  assert.deepEqual(event, {
    level: "error",
    message: 'cannot open "/nowhere": no such file or directory',
    hint: "check the path; holdfast snapshot save makes a snapshot",
    code: "failed",
    exitStatus: 1,
  });
});

test("--log-format json holds for command lines that make no sense too", async () => {
  for (const line of [
    "versin --log-format json",
    "--log-format=json snapshot stats x",
    "version --debug=perhaps --log-format json",
    "version --outptu --log-format=text --log-format=json",
  ]) {
    const { stderr } = await runCommand(line.split(" "));
    assert.equal((JSON.parse(stderr) as { code?: string }).code, "unknown-flag", line);
  }
  for (const line of ["versin -- --log-format=json", "--log-format=text json"]) {
    const { stderr } = await runCommand(line.split(" "));
    assert.match(stderr, /^Error: unknown command/, line);
  }
});

test("--debug says where in the program an error came from", async () => {
  const { stderr } = await runCommand(["--debug", "snapshot", "status", "/nowhere"]);
  assert.match(stderr, /^Error: cannot open .*\nHint: .*\ndebug: /);
});

test("Go's way to write flags: before the command, with an equals sign, switches with a value", async () => {
  const { status, stdout } = await runCommand(["--debug=false", "-o=json", "version"]);
  assert.equal(status, 0);
  assert.ok("version" in (JSON.parse(stdout) as object));
});

test("flags of etcdctl that mean nothing to a file are taken all the same", async () => {
  const flags =
    "--endpoints https://a:2379 --cacert=x --cert=x --key=x --user a:b --password c --command-timeout 1s --dial-timeout=1s " +
    "--keepalive-time=2s --keepalive-timeout=6s --hex=true --insecure-transport=false --insecure-skip-tls-verify " +
    "--insecure-discovery=true --discovery-srv x --discovery-srv-name y --max-recv-bytes=0 --max-request-bytes 0 --timeout 10s " +
    "--debug=false -w=table";
  for (const command of ["snapshot status", "snapshot restore", "hashkv"]) {
    const { stderr } = await runCommand(`${flags} ${command} /nowhere`.split(" "));
    assert.match(stderr, /cannot open/, command);
  }
});

test("an interrupted command exits with 128 and the signal's number", async () => {
  const stop = new AbortController();
  stop.abort(new Interruption("SIGTERM", 15));
  const { status, stderr } = await runCommand(["inspect", "-"], { signal: stop.signal });
  assert.deepEqual([status, stderr], [143, "Error: interrupted by SIGTERM\n"]);
});

test("colors are for terminals, and for nobody with NO_COLOR or on a terminal that is dumb or has no name", async () => {
  const stderr = async (world: { terminal?: boolean; env: Record<string, string> }) =>
    (await runCommand(["versin"], world)).stderr;
  const inColor = "\u001b[1;31mError: \u001b[0munknown";
  const terminal = true;
  assert.ok((await stderr({ terminal, env: { TERM: "xterm" } })).startsWith(inColor));
  assert.ok((await stderr({ terminal, env: { TERM: "xterm", NO_COLOR: "" } })).startsWith(inColor));
  for (const world of [
    { terminal, env: { TERM: "dumb" } },
    { terminal, env: {} },
    { terminal, env: { TERM: "xterm", NO_COLOR: "1" } },
    { env: { TERM: "xterm" } },
  ])
    assert.match(await stderr(world), /^Error: unknown/);
});
