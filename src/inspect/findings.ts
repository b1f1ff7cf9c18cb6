import type { Finding, Place } from "../format/finding.ts";

/** Findings of one code beyond this many are counted, not listed: a broken file has millions. */
const LISTED = 20;

/** Collects findings: errors first in the end, each kind in the order found. */
export class Findings {
  readonly #listed: Finding[] = [];
  readonly #counts = new Map<string, number>();

  error(code: string, where: Place, message: string): void {
    this.#add({ code, severity: "error", where, message });
  }

  warn(code: string, where: Place, message: string): void {
    this.#add({ code, severity: "warning", where, message });
  }

  #add(finding: Finding): void {
    const count = (this.#counts.get(finding.code) ?? 0) + 1;
    this.#counts.set(finding.code, count);
    if (count <= LISTED) this.#listed.push(finding);
  }

  /** All of them; where some were only counted, a last one of the code says how many. */
  list(): Finding[] {
    const all = [...this.#listed];
    for (const [code, count] of this.#counts) {
      const last = all.findLast((finding) => finding.code === code);
      if (count <= LISTED || last === undefined) continue;
      all.push({ code, severity: last.severity, where: {}, message: `and ${count - LISTED} more` });
    }
    return [
      ...all.filter((finding) => finding.severity === "error"),
      ...all.filter((finding) => finding.severity === "warning"),
    ];
  }
}
