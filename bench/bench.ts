/** `npm run bench`: the work of Holdfast beside that of etcd's own tools, in turn, on the same inputs. */
import { statSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { etcdBinaries } from "../test/support/etcd.ts";
import { output } from "../test/support/program.ts";
import { compete } from "./contest.ts";
import { ROWS, snapshot, type Size } from "./input.ts";
import { saveRows, tables, type Row } from "./results.ts";
import { WORKS, type Work } from "./works.ts";

const USAGE = `usage: npm run bench -- [--size 100m|1.6g|4g|8g]... [--only WORK,WORK…] [--pairs N]

  --size   the input; 100m and 1.6g when left out (4g needs 20 GB of disk, 8g 40 GB)
  --only   some of: ${WORKS.map(({ id }) => id).join(", ")}
  --pairs  runs of each side that count; 7 when left out
`;

/** The benchmark itself brings about 2. */
const BUSY = 3;

interface Options {
  readonly sizes: readonly Size[];
  readonly works: readonly Work[];
  readonly pairs: number;
}

/** Undefined when they make no sense. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      size: { type: "string", multiple: true, default: ["100m", "1.6g"] },
      only: { type: "string", default: WORKS.map(({ id }) => id).join(",") },
      pairs: { type: "string", default: "7" },
    },
  });
  const sizes = values.size.filter((size): size is Size => size in ROWS);
  const names = values.only.split(",");
  const works = WORKS.filter(({ id }) => names.includes(id));
  const pairs = Number(values.pairs);
  const isWhole = sizes.length === values.size.length && works.length === names.length;
  return isWhole && Number.isInteger(pairs) && pairs >= 1 ? { sizes, works, pairs } : undefined;
}

async function describeMachine(): Promise<string> {
  const versions = ["3.6", "3.7"] as const;
  const etcds = await Promise.all(
    versions.map(async (line) => {
      const told = await output((await etcdBinaries(line)).etcdctl, ["version"]);
      return `etcd ${/\d+\.\d+\.\d+/.exec(told)?.[0]}`;
    }),
  );
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const cores = `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${memory}`;
  return `${cores}, Node ${process.version}, ${etcds.join(" and ")}`;
}

async function measure(work: Work, size: Size, pairs: number, machine: string): Promise<Row> {
  const input = work.sized ? { size, bytes: statSync(await snapshot(size)).size } : {};
  await using contest = await work.begin(size);
  const load = loadavg()[0]!;
  const name = `bench: ${work.id} ${input.size ?? ""}`.trimEnd();
  if (load > BUSY)
    process.stderr.write(`${name}: load ${load.toFixed(1)}: the machine has other things to do\n`);
  const measuredPairs = await compete(contest, pairs, (text) =>
    process.stderr.write(`${name}: ${text}\n`),
  );
  const date = new Date().toISOString().slice(0, 10);
  return { work: work.id, ...input, machine, date, load, pairs: measuredPairs };
}

/** Every work that can be measured is, whatever becomes of the others; false when one could not. */
async function main({ sizes, works, pairs }: Options): Promise<boolean> {
  const machine = await describeMachine();
  const rows: Row[] = [];
  let complete = true;
  for (const work of works) {
    for (const size of work.sized ? sizes : sizes.slice(0, 1)) {
      try {
        rows.push(await measure(work, size, pairs, machine));
        await saveRows(rows);
      } catch (error) {
        complete = false;
        process.stderr.write(
          `bench: ${work.id} ${size} not measured: ${(error as Error).message}\n`,
        );
      }
    }
  }
  process.stdout.write(tables(rows));
  return complete;
}

const options = readOptions();
if (options === undefined) process.stderr.write(USAGE);
process.exitCode = options !== undefined && (await main(options)) ? 0 : 1;
