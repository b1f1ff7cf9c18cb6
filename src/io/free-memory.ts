/**
 * Gives the memory of bytes that nobody needs any more back at once. The collector would do it late: it takes megabytes
 * outside of its heap for little, and lets tens of them lie about. Of bytes that do not reach to the end of their buffer
 * nothing is given back, since more may be written behind them.
 */
export function freeMemory({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): void {
  if (byteOffset + byteLength === buffer.byteLength) buffer.transfer(0);
}
