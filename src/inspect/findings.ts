import type { Finding, Place } from "../format/finding.ts";
import { FINDINGS, type FindingCode } from "./finding-codes.ts";

/** Findings of one code beyond this many are counted, not listed: a broken file has millions. */
const LISTED = 20;

/** Collects findings: errors first in the end, each kind in the order found. */
export class Findings {
  readonly #listed: Finding[] = [];
  readonly #counts = new Map<FindingCode, number>();

  /** @param severity where it is not the usual one of the code */
  add(
    code: FindingCode,
    where: Place,
    message: string,
    severity: Finding["severity"] = FINDINGS[code].severity,
  ): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count <= LISTED) this.#listed.push({ code, severity, where, message });
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
