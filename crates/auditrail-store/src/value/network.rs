//! The binary format of `inet`.

use bytes::{BufMut, BytesMut};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The address family of IPv4, in PostgreSQL's format on every platform.
const IPV4: u8 = 2;
/// The address family of IPv6.
const IPV6: u8 = 3;

pub(super) fn put(out: &mut BytesMut, network: IpNet) {
    let mut put = |family: u8, octets: &[u8]| {
        // Family, prefix length, whether it is a `cidr` (no), address length.
        out.put_slice(&[family, network.prefix_len(), 0]);
        out.put_u8(u8::try_from(octets.len()).unwrap_or(u8::MAX));
        out.put_slice(octets);
    };
    match network {
        IpNet::V4(v4) => put(IPV4, &v4.addr().octets()),
        IpNet::V6(v6) => put(IPV6, &v6.addr().octets()),
    }
}

/// Decodes a network; `None` when the bytes are invalid.
pub(super) fn read(bytes: &[u8]) -> Option<IpNet> {
    let (&[family, prefix, _is_cidr, _length], octets) = bytes.split_first_chunk()?;
    match family {
        IPV4 => {
            let octets: [u8; 4] = octets.try_into().ok()?;
            Ipv4Net::new(octets.into(), prefix).ok().map(IpNet::V4)
        }
        IPV6 => {
            let octets: [u8; 16] = octets.try_into().ok()?;
            Ipv6Net::new(octets.into(), prefix).ok().map(IpNet::V6)
        }
        _ => None,
    }
}
