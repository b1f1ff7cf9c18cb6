/** A name server on the loopback interface that knows SRV records, and can be silent. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { textBytes } from "../../src/format/bytes.ts";

/** [priority, weight, port, target] by queried name. */
export type Zone = Record<string, readonly (readonly [number, number, number, string])[]>;

/**
 * A name server of one zone; it says NXDOMAIN to everything else, and with no zone says nothing at all. `asked` resolves
 * with the first question.
 */
export async function nameServer(zone: Zone | undefined) {
  const socket = createSocket("udp4");
  const asked = Promise.withResolvers<void>();
  socket.on("message", (query, from) => {
    asked.resolve();
    if (zone !== undefined) socket.send(answer(query, zone), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const address = `127.0.0.1:${socket.address().port}`;
  return { address, asked: asked.promise, [Symbol.asyncDispose]: () => closed(socket) };
}

async function closed(socket: Socket): Promise<void> {
  socket.close();
  await once(socket, "close");
}

/** RFC 1035: header, the question as it was asked, one SRV record (RFC 2782) for each answer. */
function answer(query: Buffer, zone: Zone): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (; query[at] !== 0; at += query[at]! + 1)
    labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
  const question = query.subarray(12, at + 5);
  const records = zone[labels.join(".")];
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(records === undefined ? 0x8583 : 0x8580, 2);
  header.writeUInt16BE(records?.length ?? 0, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, question, ...(records ?? []).map(srvRecord)]);
}

function srvRecord([priority, weight, port, target]: Zone[string][number]): Buffer {
  const labels = target.split(".").map((label) => `${String.fromCharCode(label.length)}${label}`);
  const name = textBytes(labels.join(""));
  const data = Buffer.alloc(6 + name.length + 1);
  data.writeUInt16BE(priority, 0);
  data.writeUInt16BE(weight, 2);
  data.writeUInt16BE(port, 4);
  data.set(name, 6);
  const head = Buffer.from([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([head, data]);
}
