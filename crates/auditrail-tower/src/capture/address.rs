//! Where a request came from: the socket, or what proxies say that we trust.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::policy::Policy;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the socket that a request came from.
///
/// The layer looks for it among the extensions of the request: put it there where connections are
/// accepted. With the feature `axum` the layer also finds axum's `ConnectInfo<SocketAddr>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The address of the client. `X-Forwarded-For` counts only when the peer is a trusted proxy, and then
/// from the right: the first address that no trusted proxy has. Whatever stands left of it was sent by
/// that client and may be invented.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, policy: &Policy) -> IpAddr {
    let mut address = peer.to_canonical();
    if !policy.trusts(address) {
        return address;
    }
    // A line that is no text reads as one hop that is no address.
    let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(|line| line.to_str().unwrap_or(""));
    for hop in lines.flat_map(|line| line.rsplit(',')) {
        // What a trusted proxy wrote and cannot be read ends it: the last certain address stands.
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

/// An address without port, brackets, zone, and the form in which IPv6 sockets show IPv4.
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
