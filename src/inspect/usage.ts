import { RUN, runCount, type Candidates } from "./candidates.ts";
import { ELEMENT, KIND } from "./elements.ts";
import type { History } from "./history.ts";
import type { KeyTable } from "./keys.ts";
import type { LargeObject, RevisedKey, Usage } from "./report.ts";
import { mainRevision } from "./element-key.ts";

/** Who fills the database: by prefix, by namespace, by object, by number of revisions. */
export interface UsageReport {
  readonly prefixes: Usage[];
  readonly namespaces: Usage[];
  readonly largest: LargeObject[];
  readonly mostRevised: RevisedKey[];
}

/** How many of the largest and the most revised are named. */
const NAMED = 20;

export function readUsage(
  candidates: Candidates,
  leaves: Iterable<number>,
  history: History,
): UsageReport {
  const sums = addUpRows(candidates, leaves, history);
  return {
    ...readPlaces(candidates.keys, sums),
    largest: largestRows(candidates, sums.largest),
    mostRevised: mostRevisedKeys(candidates, sums.revisions),
  };
}

/** More prefixes tell nobody anything: then shorter ones do. */
const MOST_PREFIXES = 1000;
/** Of the namespaces, those with the most bytes. */
const MOST_NAMESPACES = 1000;

function readPlaces(
  keys: KeyTable,
  directories: DirectorySums,
): Pick<UsageReport, "prefixes" | "namespaces"> {
  for (let depth = DEEPEST; ; depth--) {
    const prefixes = new Map<string, Sum>();
    const namespaces = new Map<string, Sum>();
    for (let directory = 0; directory < directories.rows.length; directory++) {
      const sum: Sum = {
        keys: directories.keys[directory]!,
        rows: directories.rows[directory]!,
        bytes: directories.bytes[directory]!,
      };
      if (sum.rows === 0) continue;
      const place = placeOf(keys.directoryText(directory), depth);
      add(prefixes, place.prefix, sum);
      if (prefixes.size > MOST_PREFIXES) break;
      if (place.namespace !== undefined) add(namespaces, place.namespace, sum);
    }
    if (prefixes.size <= MOST_PREFIXES)
      return {
        prefixes: ranked(prefixes),
        namespaces: ranked(namespaces).slice(0, MOST_NAMESPACES),
      };
  }
}

interface Sum {
  keys: number;
  rows: number;
  bytes: number;
}

interface DirectorySums {
  readonly keys: Float64Array;
  readonly rows: Float64Array;
  readonly bytes: Float64Array;
}

/** What one walk over the rows adds up. */
interface RowSums extends DirectorySums {
  /** Rows of each key. */
  readonly revisions: Uint32Array;
  readonly largest: Top;
}

function addUpRows(candidates: Candidates, leaves: Iterable<number>, { latest }: History): RowSums {
  const { runs, elements, keys } = candidates;
  const sums = {
    keys: new Float64Array(keys.directories),
    rows: new Float64Array(keys.directories),
    bytes: new Float64Array(keys.directories),
    revisions: new Uint32Array(keys.length),
    largest: new Top(NAMED),
  };
  for (const run of leaves) {
    const first = runs.get(run, RUN.FIRST);
    const end = first + runCount(runs, run);
    for (let index = first; index < end; index++) {
      const kind = elements.get(index, ELEMENT.KIND);
      if ((kind & KIND.MASK) > KIND.TOMBSTONE || (kind & KIND.UNREADABLE) !== 0) continue;
      const isPut = (kind & KIND.MASK) === KIND.PUT;
      const size = elements.get(index, ELEMENT.SIZE);
      const key = elements.get(index, ELEMENT.KEY);
      const directory = keys.directoryOf(key);
      sums.rows[directory]! += 1;
      sums.bytes[directory]! += size;
      sums.revisions[key]! += 1;
      if (isPut) sums.largest.offer(size, index);
      if (isPut && latest[key] === index + 1) sums.keys[directory]! += 1;
    }
  }
  return sums;
}

function add(sums: Map<string, Sum>, name: string, more: Sum): void {
  const sum = sums.get(name);
  if (sum === undefined) {
    sums.set(name, { ...more });
    return;
  }
  sum.keys += more.keys;
  sum.rows += more.rows;
  sum.bytes += more.bytes;
}

function ranked(sums: Map<string, Sum>): Usage[] {
  return Array.from(sums, ([name, sum]) => ({ name, ...sum })).toSorted(
    (a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1),
  );
}

/** Kubernetes' API servers keep their objects under one of these (OpenShift has two). */
const KUBERNETES_ROOTS = new Set(["registry", "kubernetes.io", "openshift.io"]);
/** Resources that Kubernetes keeps one level deeper. */
const TWO_LEVELS = new Set(["services"]);

/** The most names in a prefix. */
const DEEPEST = 3;

/**
 * The prefix (for Kubernetes: the resource) and namespace of a directory. `/registry/pods/default/` is `/registry/pods`
 * in `default`; custom resources have their group between: `/registry/example.com/widgets/default/`.
 *
 * @param deepest names in a prefix at most
 */
export function placeOf(
  directory: string,
  deepest = DEEPEST,
): { prefix: string; namespace: string | undefined } {
  const parts = directory.split("/");
  const start = directory.startsWith("/") ? 1 : 0;
  const names = parts.slice(start, -1);
  const head = start === 1 ? "/" : "";
  const prefixOf = (depth: number): string =>
    head + names.slice(0, Math.min(depth, deepest)).join("/");
  if (!KUBERNETES_ROOTS.has(names[0] ?? "")) return { prefix: prefixOf(2), namespace: undefined };
  const resource = names[1] ?? "";
  const depth = resource.includes(".") || TWO_LEVELS.has(resource) ? 3 : 2;
  return { prefix: prefixOf(depth), namespace: names[depth] };
}

function largestRows({ elements, keys }: Candidates, largest: Top): LargeObject[] {
  return largest.list().map(([bytes, index]) => ({
    key: keys.text(elements.get(index, ELEMENT.KEY)),
    bytes,
    revision: mainRevision(elements, index),
  }));
}

function mostRevisedKeys({ keys }: Candidates, revisions: Uint32Array): RevisedKey[] {
  const top = new Top(NAMED);
  for (const [key, count] of revisions.entries()) if (count > 1) top.offer(count, key);
  return top.list().map(([count, key]) => ({ key: keys.text(key), revisions: count }));
}

/** The few highest of many, the earlier first where they are equal. */
class Top {
  readonly #size: number;
  readonly #held: [score: number, item: number][] = [];

  constructor(size: number) {
    this.#size = size;
  }

  offer(score: number, item: number): void {
    const held = this.#held;
    if (held.length === this.#size && score <= held[held.length - 1]![0]) return;
    const at = held.findIndex(([other]) => other < score);
    held.splice(at < 0 ? held.length : at, 0, [score, item]);
    if (held.length > this.#size) held.pop();
  }

  list(): readonly [score: number, item: number][] {
    return this.#held;
  }
}
