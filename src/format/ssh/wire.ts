/** The data types of SSH (RFC 4251, section 5): integers are big endian, strings have their length in front. */
import { HoldfastError } from "../../errors.ts";
import { bytesText, concatBytes, textBytes, u32be } from "../bytes.ts";

/** Reads one value after the other. Throws "malformed-message" where they do not fit. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `length` bytes. */
  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length)
      throw this.damaged(`${length} bytes are wanted, ${this.#bytes.length - this.#offset} left`);
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  u32(): number {
    return u32be(this.take(4), 0);
  }

  string(): Uint8Array {
    return this.take(this.u32());
  }

  /** A string of printable ASCII: names of algorithms and the like. */
  name(): string {
    const text = bytesText(this.string());
    if (!/^[!-~]*$/.test(text)) throw this.damaged("a name is not printable ASCII");
    return text;
  }

  /** The bytes of a positive integer, without zeros in front. */
  integer(): Uint8Array {
    const bytes = this.string();
    const isPositive = bytes.length > 0 && bytes[0]! < 0x80;
    if (!isPositive || (bytes[0] === 0 && !(bytes[1]! >= 0x80)))
      throw this.damaged("an integer is not positive, or longer than it must be");
    return bytes[0] === 0 ? bytes.subarray(1) : bytes;
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#offset);
  }

  end(): void {
    if (this.#offset < this.#bytes.length)
      throw this.damaged(`${this.#bytes.length - this.#offset} bytes too many`);
  }

  /** An error about what was read last. */
  damaged(what: string): HoldfastError {
    return new HoldfastError(
      "malformed-message",
      `SSH data is damaged at byte ${this.#offset}: ${what}`,
    );
  }
}

export function wireU32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Bytes or UTF-8 text as one string. */
export function wireString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === "string" ? textBytes(value) : value;
  return concatBytes([wireU32(bytes.length), bytes]);
}
