import { HoldfastError } from "../errors.ts";
import { fastCrc32c } from "../io/crc32c.ts";
import type { ByteSource } from "../io/source.ts";
import { concludeReport } from "./conclude.ts";
import { Findings } from "./findings.ts";
import { readMetas } from "./metas.ts";
import type { Inspection } from "./report.ts";
import type { Scan } from "./scan.ts";
import { readPieces } from "./windows.ts";

const NO_TRAILER = new Uint8Array(32);

/**
 * The inspection of the file that a scanned snapshot was written to, after an edit that added pages behind the last one
 * and overwrote the metas. Every byte is read again: what was scanned is compared by its CRC-32C, the added pages are
 * scanned like any other, and then all of it is walked anew. It is what `inspectStream` says of the file, but for its
 * SHA-256, which is ""; the report of the scan may be held no more. Throws "written-wrong" for bytes that are not what
 * was written.
 */
export async function readBackEdited(
  scan: Scan,
  file: ByteSource,
  signal: AbortSignal,
): Promise<Inspection> {
  const kept = scan.kept;
  const next = scan.neededFrom;
  const findings = new Findings();
  let carry: Uint8Array = new Uint8Array(0);
  let bytes = 0;
  let pagesRead = 0;
  let crc = 0;
  let meta: ReturnType<typeof readMetas>;
  for await (const piece of readPieces(file, signal)) {
    bytes = piece.start + piece.bytes.length;
    if (piece.start === 0 && (meta = readMetas(piece.bytes, findings)) !== undefined)
      scan.goOn(meta);
    const from = Math.max(kept.from - piece.start, 0);
    const to = Math.min(kept.to - piece.start, piece.bytes.length);
    if (from < to) crc = fastCrc32c(piece.bytes, crc, from, to);
    if (bytes > next) {
      const window = piece.withCarry(carry);
      const start = bytes - window.length;
      pagesRead = scan.read(window, start);
      carry = window.slice(scan.neededFrom - start);
    }
    piece.release();
  }
  if (meta === undefined || crc !== kept.crc) throw writtenWrong(kept, crc);
  const ending = { bytes, pagesRead, sha256: "", trailer: NO_TRAILER, requireTrailer: false };
  return concludeReport(meta, scan, ending, fastCrc32c, findings);
}

function writtenWrong({ from, to, crc }: Scan["kept"], found: number): HoldfastError {
  const hex = (value: number): string => value.toString(16).padStart(8, "0");
  return new HoldfastError(
    "written-wrong",
    `what was read back is not what was written: bytes ${from} to ${to} have the CRC-32C ${hex(found)}, wanted ${hex(crc)}`,
    { hint: "the disk or the memory of this machine is failing: restore on another one" },
  );
}
