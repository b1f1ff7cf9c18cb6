import { HoldfastError } from "../errors.ts";
import { decodeMeta, readMeta, type Meta } from "../format/bbolt/meta.ts";
import { META, pageFlags, pageId } from "../format/bbolt/page.ts";
import type { Findings } from "./findings.ts";

/**
 * The meta that counts, from the file's first bytes; undefined, and a finding, when there is none. One meta is enough to
 * open the file; the other may be stale or torn where a server was writing.
 */
export function readMetas(bytes: Uint8Array, findings: Findings): Meta | undefined {
  try {
    const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    const meta = readMeta(readAt, bytes.length);
    for (const page of [0, 1]) noteMeta(bytes, page, meta.pageSize, findings);
    return meta;
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
    findings.add("meta-invalid", { page: 0, offset: 0 }, cause.message);
    return undefined;
  }
}

/** A meta page's header is of no use to anybody, but etcdutl's status stops at a wrong one. */
function noteMeta(bytes: Uint8Array, page: number, pageSize: number, findings: Findings): void {
  const offset = page * pageSize;
  const meta = decodeMeta(bytes, offset);
  const where = { page, offset };
  if (typeof meta === "string") {
    const text = `meta page ${page} is not valid, the other is used: ${meta}`;
    findings.add("meta-torn", where, text);
  } else if (pageId(bytes, offset) !== page || pageFlags(bytes, offset) !== META) {
    const text = `the header of meta page ${page} is not that of a meta page`;
    findings.add("meta-header", where, text);
  }
}
