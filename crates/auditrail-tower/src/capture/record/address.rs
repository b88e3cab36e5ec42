//! The address of a client: that of the socket, or the one that trusted proxies forward.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::policy::Policy;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the peer that sent a request.
///
/// The layer reads it from the extensions of the request: insert it where connections are accepted. With the
/// feature `axum` the layer also reads axum's `ConnectInfo<SocketAddr>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The address of the client. `X-Forwarded-For` is only used if the peer is a trusted proxy, and is read from
/// the right up to the first address that is not a trusted proxy. The values left of it are from that client
/// and may be forged.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, policy: &Policy) -> IpAddr {
    let mut address = peer.to_canonical();
    if !policy.trusts(address) {
        return address;
    }
    // A value that is not text counts as one invalid hop.
    let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(|line| line.to_str().unwrap_or(""));
    for hop in lines.flat_map(|line| line.rsplit(',')) {
        // An invalid hop ends the chain: the last valid address is used.
        let Some(next) = plain(hop.trim()) else {
            break;
        };
        address = next;
        if !policy.trusts(address) {
            break;
        }
    }
    address
}

/// Parses an address, without port, brackets and zone; an IPv4-mapped IPv6 address becomes IPv4.
fn plain(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let inner = match bracketed {
        Some((inner, rest)) if rest.is_empty() || is_port(rest) => inner,
        Some(_) => return None,
        None => match text.rsplit_once(':') {
            Some((address, port)) if address.contains('.') && !address.contains(':') => {
                if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                address
            }
            _ => text,
        },
    };
    let zoneless = inner.split_once('%').map_or(inner, |(address, _)| address);
    zoneless.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
