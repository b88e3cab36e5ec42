//! IP addresses and networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ValueError;
use crate::text::JsonText;

/// The value of the `ip_address` column: an address and, where plain SQL wrote one, its mask.
///
/// `inet` stores a mask together with the host bits (`10.1.2.3/8`). New records have no mask; a stored
/// one is preserved, and so is the IPv4-mapped IPv6 form (`::ffff:203.0.113.7`) of older records, which a new
/// record does not have. Text form: the address, then `/mask` unless the mask has the full length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredAddress(IpNet);

impl StoredAddress {
    /// The address without the mask.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        self.0.addr()
    }

    /// The value with an IPv4-mapped IPv6 address as its IPv4 address.
    #[must_use]
    pub fn to_canonical(self) -> Self {
        Self(canonical_network(self.0))
    }

    /// The address with its mask; the full length if there is none.
    #[must_use]
    pub const fn network(&self) -> IpNet {
        self.0
    }
}

/// The address of a new record: an IPv4-mapped IPv6 address becomes its IPv4 address.
impl From<IpAddr> for StoredAddress {
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address.to_canonical()))
    }
}

/// A stored value, unchanged.
impl From<IpNet> for StoredAddress {
    fn from(network: IpNet) -> Self {
        Self(network)
    }
}

impl fmt::Display for StoredAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl Serialize for StoredAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoredAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = JsonText::deserialize(deserializer)?;
        parse_stored(text.as_str()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Parses an address; a mask, a port, a host name, brackets and an IPv6 zone are rejected. An IPv4-mapped IPv6
/// address, which sockets for both versions return, becomes its IPv4 address.
///
/// # Errors
/// [`ValueError::BadFormat`].
pub fn parse_address(text: &str) -> Result<IpAddr, ValueError> {
    text.parse().map(|address: IpAddr| address.to_canonical()).map_err(|_| ValueError::BadFormat {
        expected: "an IPv4 or IPv6 address without mask or port, such as 203.0.113.7",
    })
}

/// Parses an address or a CIDR network; an address without a mask matches exactly that address.
///
/// Host bits are preserved, as in PostgreSQL's `inet`: `10.1.2.3/8` stays that. A network of IPv4-mapped IPv6
/// addresses becomes its IPv4 network.
///
/// # Errors
/// [`ValueError::BadFormat`].
pub fn parse_network(text: &str) -> Result<IpNet, ValueError> {
    parse_stored(text).map(canonical_network)
}

/// As [`parse_network`], but keeps the form.
fn parse_stored(text: &str) -> Result<IpNet, ValueError> {
    let network = if text.contains('/') {
        text.parse().ok()
    } else {
        text.parse::<IpAddr>().ok().map(IpNet::from)
    };
    network.ok_or(ValueError::BadFormat {
        expected: "an IP address or a CIDR network, such as 203.0.113.0/24",
    })
}

/// Bits of the prefix `::ffff:0:0/96`, in which IPv6 has the IPv4 addresses.
const MAPPED_BITS: u8 = 96;

/// The IPv4 network of a network of IPv4-mapped IPv6 addresses; any other network as it is.
#[must_use]
pub fn canonical_network(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let bits = mapped.prefix_len().checked_sub(MAPPED_BITS);
    let v4 = bits.zip(mapped.addr().to_ipv4_mapped());
    v4.and_then(|(bits, address): (u8, Ipv4Addr)| Ipv4Net::new(address, bits).ok())
        .map_or(network, IpNet::from)
}

/// The network of IPv4-mapped IPv6 addresses of an IPv4 network, which older records may have.
#[must_use]
pub fn mapped_network(network: IpNet) -> Option<IpNet> {
    let IpNet::V4(v4) = network else { return None };
    let mapped = Ipv6Net::new(v4.addr().to_ipv6_mapped(), v4.prefix_len() + MAPPED_BITS).ok()?;
    Some(IpNet::from(mapped))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        parse_network(text).map(StoredAddress::from).unwrap().to_string()
    }

    #[test]
    fn mapped_addresses_are_their_ipv4_addresses() {
        for text in [
            "::ffff:203.0.113.7",
            "::FFFF:203.0.113.7",
            "::ffff:cb00:7107",
            "0:0:0:0:0:ffff:203.0.113.7",
            "0000:0000:0000:0000:0000:FFFF:CB00:7107",
            "203.0.113.7",
        ] {
            assert_eq!(parse_address(text).unwrap().to_string(), "203.0.113.7", "{text}");
            assert_eq!(network(text), "203.0.113.7", "{text}");
        }
        for text in ["::203.0.113.7", "::fffe:203.0.113.7", "64:ff9b::203.0.113.7", "::1", "::"] {
            assert!(parse_address(text).unwrap().is_ipv6(), "{text}");
        }
    }

    #[test]
    fn mapped_networks_are_ipv4_networks() {
        for (text, expected) in [
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:cb00:7100/128", "203.0.113.0"),
            ("::ffff:0:0/95", "::ffff:0.0.0.0/95"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(network(text).to_lowercase(), expected, "{text}");
        }
        let mapped = mapped_network("203.0.113.0/24".parse().unwrap()).unwrap();
        assert_eq!(mapped, "::ffff:203.0.113.0/120".parse::<IpNet>().unwrap());
        assert_eq!(canonical_network(mapped), "203.0.113.0/24".parse::<IpNet>().unwrap());
        assert_eq!(mapped_network("2001:db8::/32".parse().unwrap()), None);
    }

    #[test]
    fn stored_form_is_kept() {
        let stored: StoredAddress = serde_json::from_str("\"::ffff:203.0.113.7\"").unwrap();
        assert_eq!(stored.to_string(), "::ffff:203.0.113.7");
        assert_eq!(stored.to_canonical().to_string(), "203.0.113.7");
    }
}
