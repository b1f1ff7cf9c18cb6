import type { Finding, Place } from "../format/finding.ts";
import { FINDINGS, type FindingCode } from "./finding-codes.ts";

/** Findings of one code and severity beyond this many are counted, not listed: a broken file has millions. */
const LISTED = 20;

/** Collects findings: errors first in the end, each kind in the order found. */
export class Findings {
  readonly #listed: Finding[] = [];
  /** By severity, so that an error behind many warnings of its code is listed. */
  readonly #counts = { error: new Map<string, number>(), warning: new Map<string, number>() };

  /** @param severity where it is not the usual one of the code */
  add(
    code: FindingCode,
    where: Place,
    message: string,
    severity: Finding["severity"] = FINDINGS[code].severity,
  ): void {
    const counts = this.#counts[severity];
    const count = (counts.get(code) ?? 0) + 1;
    counts.set(code, count);
    if (count <= LISTED) this.#listed.push({ code, severity, where, message });
  }

  /** All of them; where some were only counted, a last one of the code and severity says how many. */
  list(): Finding[] {
    return [...this.#listOf("error"), ...this.#listOf("warning")];
  }

  #listOf(severity: Finding["severity"]): Finding[] {
    const long = [...this.#counts[severity]].filter(([, count]) => count > LISTED);
    return [
      ...this.#listed.filter((finding) => finding.severity === severity),
      ...long.map(([code, count]) => {
        return { code, severity, where: {}, message: `and ${count - LISTED} more` };
      }),
    ];
  }
}
