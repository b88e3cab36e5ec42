/** Timeouts of sockets, when the server closes an idle connection. */
import type { Socket } from "node:net";

const listeners = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when the socket times out, until the returned function is called.
 *
 * There is one listener per socket, however many requests are pipelined on it: with more than ten Node warns of
 * a leak. A listener on the response would keep Node from closing the socket.
 */
export function onTimeout(socket: Socket, call: () => void): () => void {
  let calls = listeners.get(socket);
  if (calls === undefined) {
    const all = new Set<() => void>();
    listeners.set(socket, all);
    socket.on("timeout", () => all.forEach((each) => each()));
    calls = all;
  }
  const mine = calls.add(call);
  return () => void mine.delete(call);
}
