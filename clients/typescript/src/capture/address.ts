/** Where a request came from: the socket, or what proxies say that we trust. */
import type { IncomingMessage } from "node:http";
import { type BlockList, isIP } from "node:net";

/**
 * The address of the client. `X-Forwarded-For` counts only when the peer is a trusted proxy, and then
 * from the right: the first address that no trusted proxy has. Whatever stands left of it was sent by
 * that client and may be invented.
 */
export function clientAddress(request: IncomingMessage, trusted: BlockList): string | undefined {
  let address = plain(request.socket.remoteAddress ?? "");
  const header = request.headers["x-forwarded-for"];
  const hops = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",").reverse();
  for (const hop of hops) {
    if (address === undefined || !isTrusted(address, trusted)) {
      break;
    }
    const next = plain(hop.trim());
    if (next === undefined) {
      // What a trusted proxy wrote cannot be read. The last address that is certain stands.
      break;
    }
    address = next;
  }
  return address;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** An address without port, brackets, zone, and the form in which IPv6 sockets show IPv4. */
function plain(text: string): string | undefined {
  const inner = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const zoneless = inner.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(zoneless)?.[1] ?? zoneless;
  return isIP(mapped) === 0 ? undefined : mapped;
}
