/**
 * The real programs that tests run against, pinned by files of this project and built once into `.cache/parts/`.
 * A part that is built in Go is a module in `test/parts/<name>/`; its `go.mod` and `go.sum` pin everything.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, glob, mkdir, mkdtemp, readFile, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "./program.ts";

export type PartName =
  | "etcd-3.4"
  | "etcd-3.5"
  | "etcd-3.6"
  | "etcd-3.7"
  | "bbolt"
  | "certs"
  | "age"
  | "age-vectors"
  | "age-1.1"
  | "stock"
  | "ssh-rsync"
  | "versitygw"
  | "fake-gcs"
  | "azurite";

interface Recipe {
  /** What goes into the key besides the recipe itself: any change builds anew. */
  ingredients(): Promise<string>;
  /** Puts the executables into `bin`; `folder` is scratch. */
  build(folder: string, bin: string): Promise<void>;
}

const CACHE = fileURLToPath(new URL("../../.cache/parts/", import.meta.url));
const MODULES = fileURLToPath(new URL("../parts/", import.meta.url));
const GO_FLAGS = ["-mod=readonly", "-trimpath", "-ldflags=-s -w"];
const ENV = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" };
const AS_IS = { recursive: true, verbatimSymlinks: true };
/** What `zstd`, `gpg` and `ssh-keygen` need, down to the libraries that a small system may lack. */
const STOCK_PACKAGES =
  "zstd liblz4-1 liblzma5 openssh-client libselinux1 libpcre2-8-0 libssl3 gpg gpg-agent gpgconf libassuan0 " +
  "libgcrypt20 libgpg-error0 libnpth0 libreadline8 libsqlite3-0 libbz2-1.0 libtinfo6 zlib1g";
/** `sshd`, `ssh`, `ssh-agent` and `rsync`, and what a small system may lack of their libraries. */
const SSH_PACKAGES =
  "openssh-server openssh-client rsync libwrap0 libpopt0 libxxhash0 liblz4-1 libzstd1 libselinux1 libpcre2-8-0 libssl3 zlib1g";

/** Runs one of the machine's own programs. */
async function tool(command: string, args: readonly string[], cwd = "."): Promise<string> {
  try {
    return await output(command, args, { cwd, env: ENV });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw missing ? new Error(`the parts need ${command}, which is not on the PATH`) : error;
  }
}

/** A Go module whose `tool` lines name the programs, or that is a program itself. */
function goModule(name: PartName, target: "tool" | "."): Recipe {
  const module = join(MODULES, name);
  return {
    async ingredients() {
      const files = (await readdir(module)).toSorted();
      const texts = await Promise.all(files.map((file) => readFile(join(module, file), "utf8")));
      const go = await tool("go", ["env", "GOVERSION", "GOOS", "GOARCH"], module);
      return JSON.stringify([GO_FLAGS, go, files, texts]);
    },
    async build(_folder, bin) {
      await tool("go", ["build", ...GO_FLAGS, "-o", `${bin}/`, target], module);
    },
  };
}

/** Debian's own builds, unpacked into `bin` and `lib` beside it, not installed. */
function debianPackages(packages: readonly string[], check: VersionCheck): Recipe {
  return {
    ingredients: async () =>
      JSON.stringify([check, packages, await tool("dpkg", ["--print-architecture"])]),
    async build(folder, bin) {
      // as root apt-get would drop to a user who may not write here
      const download = ["-o", "APT::Sandbox::User=root", "download", ...packages];
      await tool("apt-get", download, folder).catch(async () => {
        await tool("apt-get", ["update"]);
        await tool("apt-get", download, folder);
      });
      const unpacked = join(folder, "unpacked");
      for (const file of await readdir(folder)) {
        if (file.endsWith(".deb")) await tool("dpkg", ["-x", join(folder, file), unpacked]);
      }
      for await (const programs of glob("usr/{bin,sbin}", { cwd: unpacked }))
        await cp(join(unpacked, programs), bin, AS_IS);
      for await (const library of glob("{,usr/}lib/*/*.so.*", { cwd: unpacked }))
        await cp(join(unpacked, library), join(bin, "..", "lib", basename(library)), AS_IS);
      await checkVersion(bin, check);
    },
  };
}

/** A package with its lock, in its own folder: `bin` holds `node_modules`. No script of theirs is run. */
function npmPackage(name: PartName): Recipe {
  const files = ["package.json", "package-lock.json"].map((file) => join(MODULES, name, file));
  return {
    async ingredients() {
      return JSON.stringify(await Promise.all(files.map((file) => readFile(file, "utf8"))));
    },
    async build(_folder, bin) {
      for (const file of files) await cp(file, join(bin, basename(file)));
      const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"];
      await tool("npm", ["ci", ...quiet], bin);
    },
  };
}

/** The environment for programs of a part that brings its libraries. */
export function withLibraries(bin: string): NodeJS.ProcessEnv {
  return { ...process.env, LD_LIBRARY_PATH: join(bin, "..", "lib") };
}

/** What one of a part's programs has to write. */
interface VersionCheck {
  readonly command: readonly [program: string, ...args: string[]];
  readonly wanted: string;
}

async function checkVersion(bin: string, { command, wanted }: VersionCheck): Promise<void> {
  const [program, ...args] = command;
  const found = await output(join(bin, program), args, { env: withLibraries(bin) });
  if (!found.includes(wanted))
    throw new Error(`wanted ${wanted} from Debian's packages, found ${found}`);
}

const RECIPES: Record<PartName, Recipe> = {
  // today's Go cannot build it; Debian still ships it
  "etcd-3.4": debianPackages(["etcd-server", "etcd-client"], {
    command: ["etcd", "--version"],
    wanted: "etcd Version: 3.4.23\n",
  }),
  "etcd-3.5": goModule("etcd-3.5", "tool"),
  "etcd-3.6": goModule("etcd-3.6", "tool"),
  "etcd-3.7": goModule("etcd-3.7", "tool"),
  bbolt: goModule("bbolt", "."),
  certs: goModule("certs", "."),
  age: goModule("age", "tool"),
  "age-vectors": goModule("age-vectors", "."),
  // the oldest reader that still matters
  "age-1.1": debianPackages(["age"], { command: ["age", "--version"], wanted: "1.1.1" }),
  stock: debianPackages(STOCK_PACKAGES.split(" "), {
    command: ["zstd", "--version"],
    wanted: "v1.5",
  }),
  "ssh-rsync": debianPackages(SSH_PACKAGES.split(" "), {
    command: ["rsync", "--version"],
    wanted: "version 3.",
  }),
  versitygw: goModule("versitygw", "tool"),
  "fake-gcs": goModule("fake-gcs", "tool"),
  azurite: npmPackage("azurite"),
};

const asked = new Map<PartName, Promise<string>>();

/** The folder with a part's executables; builds the part when it is not there yet. */
export function part(name: PartName): Promise<string> {
  const known = asked.get(name) ?? provide(name);
  asked.set(name, known);
  return known;
}

async function provide(name: PartName): Promise<string> {
  const recipe = RECIPES[name];
  const key = createHash("sha256").update(await recipe.ingredients());
  const home = join(CACHE, `${name}-${key.digest("hex").slice(0, 16)}`);
  if (!existsSync(home)) await build(name, recipe, home);
  return join(home, "bin");
}

/** Builds beside the final place and renames: whoever loses a race uses what the winner built. */
async function build(name: PartName, recipe: Recipe, home: string): Promise<void> {
  process.stderr.write(`parts: building ${name}\n`);
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, `.building-${name}-`));
  try {
    const ready = join(folder, "ready");
    await mkdir(join(ready, "bin"), { recursive: true });
    await recipe.build(folder, join(ready, "bin"));
    await rename(ready, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stderr.write(`parts: ${name} is ready\n`);
}

if (import.meta.main) {
  for (const name of Object.keys(RECIPES) as PartName[]) await part(name);
}
