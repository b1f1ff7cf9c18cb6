import { HoldfastError } from "../errors.ts";

/** Fields of SnapshotResponse, as tags: the field's number × 8 + its wire type. */
const REMAINING_BYTES = 0x10;
const BLOB = 0x1a;
const VERSION = 0x22;

/** A version is a few letters; no more than this of it is kept. */
const MOST_VERSION_BYTES = 64;

/** gRPC's prefix of a message: whether it is compressed, then its length, big endian. */
const PREFIX_BYTES = 5;

/**
 * Decodes the body of a Snapshot call, cut anywhere: gRPC messages, each a SnapshotResponse. The bytes of blobs go
 * from where they arrived to where they are wanted, once; nothing else is held. (The general way makes two copies of
 * every blob for the collector, which then costs more than all the rest.)
 */
export class SnapshotDecoder {
  /** What the newest message says will come after its own blob. */
  remainingBytes = 0;
  /** Bytes of a blob that has begun and is not all there yet. */
  blobLeft = 0;
  /** Bytes in the target. */
  filled = 0;
  #target: Uint8Array = new Uint8Array(0);
  #version = "";
  /** How far into the body: for errors. */
  #offset = 0;
  #prefixLeft = PREFIX_BYTES;
  #messageLeft = 0;
  /** The field whose value is being read; 0 while its tag is. */
  #tag = 0;
  /** The number that is being read, and what its next byte is worth. */
  #number = 0;
  #scale = 1;
  /** Bytes of another field's value that are to come. */
  #otherLeft = 0;

  /** The storage version, once a whole message has come. */
  get version(): string {
    return this.#version;
  }

  /** Where the bytes of blobs go from now on. */
  into(target: Uint8Array): void {
    this.#target = target;
    this.filled = 0;
  }

  /**
   * Decodes a piece of the body, up to where the target is full. Returns how many bytes of it that was.
   * Throws "malformed-message" with the offset in the body.
   */
  take(piece: Buffer): number {
    let at = 0;
    while (at < piece.length) {
      if (this.blobLeft > 0) {
        const room = this.#target.length - this.filled;
        const length = Math.min(this.blobLeft, piece.length - at, room);
        if (length === 0) break;
        // `set` would copy into shared memory at half the speed
        piece.copy(this.#target, this.filled, at, at + length);
        this.filled += length;
        this.blobLeft -= length;
        at += this.#passed(length);
      } else if (this.#otherLeft > 0) {
        const length = Math.min(this.#otherLeft, piece.length - at);
        if (this.#tag === VERSION) this.#keepVersion(piece.subarray(at, at + length));
        this.#otherLeft -= length;
        at += this.#passed(length);
      } else if (this.#prefixLeft > 0) this.#takePrefix(piece[at++]!);
      else this.#takeNumber(piece[at++]!);
    }
    return at;
  }

  /** To be called at the end of the body: it must not end inside a message. */
  end(): void {
    if (this.#prefixLeft !== PREFIX_BYTES) throw this.#malformed("it ends inside a message");
  }

  /** Counts bytes of a value; the message may end with them. */
  #passed(length: number): number {
    this.#offset += length;
    this.#messageLeft -= length;
    if (this.blobLeft === 0 && this.#otherLeft === 0) this.#endField();
    return length;
  }

  #endField(): void {
    this.#tag = 0;
    if (this.#messageLeft === 0) this.#prefixLeft = PREFIX_BYTES;
  }

  #takePrefix(byte: number): void {
    if (this.#prefixLeft === PREFIX_BYTES) {
      if (byte !== 0) throw this.#malformed("a message is compressed");
      this.#messageLeft = 0;
    } else this.#messageLeft = this.#messageLeft * 256 + byte;
    this.#offset++;
    this.#prefixLeft--;
    if (this.#prefixLeft > 0) return;
    this.remainingBytes = 0;
    if (this.#messageLeft === 0) this.#prefixLeft = PREFIX_BYTES;
  }

  /** A byte of a tag, of a length, or of a value that is a number. */
  #takeNumber(byte: number): void {
    // exact up to 2^53; a length beyond the message's is refused long before
    this.#number += (byte & 0x7f) * this.#scale;
    this.#scale *= 128;
    this.#offset++;
    this.#messageLeft--;
    if (byte >= 0x80) {
      if (this.#messageLeft === 0 || this.#scale > 2 ** 63)
        throw this.#malformed("a number does not end");
      return;
    }
    const number = this.#number;
    this.#number = 0;
    this.#scale = 1;
    if (this.#tag === 0) this.#beginField(number);
    else if (this.#tag % 8 === 2) this.#beginBytes(number);
    else {
      if (this.#tag === REMAINING_BYTES) this.remainingBytes = number;
      this.#endField();
    }
  }

  #beginField(tag: number): void {
    const wire = tag % 8;
    if (tag < 8 || ![0, 1, 2, 5].includes(wire))
      throw this.#malformed(`a field has the tag ${tag}`);
    this.#tag = tag;
    if (wire === 1 || wire === 5) this.#beginBytes(wire === 1 ? 8 : 4);
    else if (this.#messageLeft === 0) throw this.#malformed("a field has no value");
  }

  #beginBytes(length: number): void {
    if (length > this.#messageLeft)
      throw this.#malformed(`a field of ${length} bytes has only ${this.#messageLeft}`);
    if (this.#tag === VERSION) this.#version = "";
    if (this.#tag === BLOB) this.blobLeft = length;
    else this.#otherLeft = length;
    if (length === 0) this.#endField();
  }

  #keepVersion(bytes: Uint8Array): void {
    const room = MOST_VERSION_BYTES - this.#version.length;
    this.#version += String.fromCharCode(...bytes.subarray(0, room));
  }

  #malformed(what: string): HoldfastError {
    return new HoldfastError(
      "malformed-message",
      `cannot read the answer to Snapshot: ${what} at byte ${this.#offset}`,
      { hint: "a proxy in between may have damaged it: try again, directly to a member" },
    );
  }
}
