import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block of a document. */
export interface Block {
  /** Of its opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

export interface Document {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** The documents of the project: those at its top and everything in `docs/`. */
export function documents(): Document[] {
  return globSync(["*.md", "docs/**/*.md"], { cwd: ROOT })
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      return { path, text, blocks: blocksOf(text) };
    });
}

/** Fences may be indented, as in a list; the block's lines lose that indent. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; indent: string; lines: string[] } | undefined;
  for (const [i, line] of text.split("\n").entries()) {
    const fence = /^(\s*)```(.*)$/.exec(line);
    if (open === undefined && fence) {
      open = { line: i + 1, language: fence[2]!.trim(), indent: fence[1]!, lines: [] };
    } else if (open !== undefined && fence) {
      blocks.push({ line: open.line, language: open.language, text: open.lines.join("\n") });
      open = undefined;
    } else open?.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
  }
  return blocks;
}

/** A block whose first line is `# set-up` prepares the reader's machine: it is not run by the tests. */
export function isSetUp({ text }: Block): boolean {
  return text.startsWith("# set-up\n");
}
