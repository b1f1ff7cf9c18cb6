import type { Meta } from "../format/bbolt/meta.ts";
import { fastCrc32c } from "../io/crc32c.ts";
import { unlessAborted } from "../io/patience.ts";
import { randomUint32 } from "../io/random.ts";
import { createSha256, noSha256, type Sha256 } from "../io/sha256.ts";
import type { ByteSource, Sink } from "../io/source.ts";
import { Findings } from "./findings.ts";
import { concludeReport, emptyReport, type Ending } from "./conclude.ts";
import { readMetas } from "./metas.ts";
import type { Inspection } from "./report.ts";
import { Scan } from "./scan.ts";
import { readPieces, type Piece } from "./windows.ts";

export interface InspectOptions {
  /** Gets every byte as it was read, in order, trailer included. */
  readonly sink?: Sink;
  /** A missing trailer is an error, not a warning. */
  readonly requireTrailer?: boolean;
  /** Bytes that have no trailer, and whose digest nobody wants to know: the report's SHA-256 is "" then. */
  readonly withoutDigest?: true;
  readonly signal?: AbortSignal;
  /** Called now and then with the bytes read so far. */
  readonly progress?: (bytes: number) => void;
}

const TRAILER_BYTES = 32;

/**
 * Reads a snapshot once, in file order, and learns all there is to know of it. Damage never throws: it is in the
 * report's findings, and every byte has gone to the sink. Throws only what source, sink and signal throw.
 * Memory grows with the number of pages and rows, never with bytes.
 */
export async function inspectStream(
  source: ByteSource,
  options: InspectOptions = {},
): Promise<Inspection> {
  return (await scanStream(source, options)).inspection;
}

/** As `inspectStream`, with the scan, which can go on; undefined where there is no database at all. */
export async function scanStream(
  source: ByteSource,
  options: InspectOptions,
): Promise<{ inspection: Inspection; scan: Scan | undefined }> {
  await using sha256 = options.withoutDigest ? noSha256() : createSha256(source.sizeHint);
  const pass = new Pass(sha256, options);
  for await (const piece of readPieces(source, options.signal)) await pass.read(piece);
  return { inspection: await pass.conclude(), scan: pass.scan };
}

/** One pass: every piece is hashed and written while it is being scanned. */
class Pass {
  readonly #sha256: Sha256;
  readonly #options: InspectOptions;
  readonly #findings = new Findings();
  readonly #trailer = new Uint8Array(TRAILER_BYTES);
  scan: Scan | undefined;
  #meta: Meta | undefined;
  #pagesRead = 0;
  #bytes = 0;
  #carry: Uint8Array = new Uint8Array(0);
  #written: Promise<void> = Promise.resolve();
  #failure: { cause: unknown } | undefined;

  constructor(sha256: Sha256, options: InspectOptions) {
    this.#sha256 = sha256;
    this.#options = options;
  }

  async read(piece: Piece): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.cause;
    if (piece.start === 0) this.#begin(piece.bytes);
    this.#bytes = piece.start + piece.bytes.length;
    const handled = Promise.all([this.#hash(piece), this.#write(piece)]);
    const window = this.#readPages(piece);
    // The carry is a view into this piece: it is copied before the memory goes back.
    const carried = this.#carryFrom(window, piece);
    this.#carry = carried;
    handled.then(piece.release, (cause: unknown) => {
      this.#failure ??= { cause };
      piece.release();
    });
    this.#options.progress?.(this.#bytes);
  }

  #begin(bytes: Uint8Array): void {
    this.#meta = readMetas(bytes, this.#findings);
    if (this.#meta !== undefined) this.scan = new Scan(this.#meta, fastCrc32c, randomUint32());
  }

  #readPages(piece: Piece): Uint8Array {
    if (this.scan === undefined) return new Uint8Array(0);
    const window = piece.withCarry(this.#carry);
    const start = this.#bytes - window.length;
    this.#pagesRead = this.scan.read(window, start);
    return window;
  }

  /** What the next window must begin with. */
  #carryFrom(window: Uint8Array, piece: Piece): Uint8Array {
    if (this.scan === undefined || this.#meta === undefined) return window;
    const start = this.#bytes - window.length;
    this.#keepTrailer(piece);
    if (this.#pagesRead >= this.#meta.pages) return new Uint8Array(0);
    return window.slice(this.scan.neededFrom - start);
  }

  /** The bytes behind the last page, where a snapshot that came over the wire has its SHA-256. */
  #keepTrailer(piece: Piece): void {
    const dbSize = this.#meta!.pages * this.#meta!.pageSize;
    const from = Math.max(dbSize, piece.start);
    const to = Math.min(dbSize + TRAILER_BYTES, piece.start + piece.bytes.length);
    if (from < to)
      this.#trailer.set(piece.bytes.subarray(from - piece.start, to - piece.start), from - dbSize);
  }

  async #hash(piece: Piece): Promise<void> {
    const dbSize = this.#meta === undefined ? Infinity : this.#meta.pages * this.#meta.pageSize;
    const length = Math.min(piece.bytes.length, dbSize - piece.start);
    if (length > 0) await this.#sha256.update(piece.bytes.subarray(0, length));
  }

  #write(piece: Piece): Promise<void> {
    const { sink } = this.#options;
    if (sink === undefined) return this.#written;
    this.#written = this.#written.then(() => sink.write(piece.bytes, piece.start));
    return this.#written;
  }

  async conclude(): Promise<Inspection> {
    const { signal } = this.#options;
    await (signal === undefined ? this.#written : unlessAborted(this.#written, signal));
    const sha256 = await this.#sha256.digest();
    if (this.#failure !== undefined) throw this.#failure.cause;
    const ending: Ending = {
      bytes: this.#bytes,
      pagesRead: this.#pagesRead,
      sha256,
      trailer: this.#trailer,
      requireTrailer: this.#options.requireTrailer === true,
    };
    if (this.#meta === undefined || this.scan === undefined) {
      if (this.#bytes === 0)
        this.#findings.add(
          "meta-invalid",
          { page: 0, offset: 0 },
          "the snapshot is empty: 0 bytes",
        );
      const report = emptyReport(ending, this.#findings.list());
      return { report, hashKV: () => report.hashKV };
    }
    return concludeReport(this.#meta, this.scan, ending, fastCrc32c, this.#findings);
  }
}
