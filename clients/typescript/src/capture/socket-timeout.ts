/** Sockets that the server gives up because nothing came or went for too long. */
import type { Socket } from "node:net";

const told = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when the socket times out; the function that this gives ends that.
 *
 * A socket has one listener, however many requests a caller pipelines on it: beyond ten Node warns of a
 * leak. It is on the socket because one on the answer would keep Node from closing it.
 */
export function onTimeout(socket: Socket, call: () => void): () => void {
  let calls = told.get(socket);
  if (calls === undefined) {
    const all = new Set<() => void>();
    told.set(socket, all);
    socket.on("timeout", () => all.forEach((each) => each()));
    calls = all;
  }
  const mine = calls.add(call);
  return () => void mine.delete(call);
}
