/** The client address of a request, from the socket or from trusted proxies. */
import type { IncomingMessage } from "node:http";
import { type BlockList, isIP } from "node:net";

/**
 * Returns the address of the client. `X-Forwarded-For` is used only if the peer is a trusted proxy, and
 * read from the right: the result is the first address that is not a trusted proxy. The client itself
 * may have sent, and forged, anything left of it.
 */
export function clientAddress(request: IncomingMessage, trusted: BlockList): string | undefined {
  let address = normalized(request.socket.remoteAddress ?? "");
  const header = request.headers["x-forwarded-for"];
  const hops = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",").reverse();
  for (const hop of hops) {
    if (address === undefined || !isTrusted(address, trusted)) {
      break;
    }
    const next = normalized(hop.trim());
    if (next === undefined) {
      // The entry of a trusted proxy is invalid: keep the last known address.
      break;
    }
    address = next;
  }
  return address;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** Normalizes an address: removes port, brackets and zone, and unmaps IPv4-mapped IPv6. */
function normalized(text: string): string | undefined {
  const inner = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const zoneless = inner.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(zoneless)?.[1] ?? zoneless;
  return isIP(mapped) === 0 ? undefined : mapped;
}
