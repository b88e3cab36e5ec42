//! IP addresses and networks.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ValueError;
use crate::text::JsonText;

/// The value of the `ip_address` column: an address and, where plain SQL wrote one, its mask.
///
/// `inet` stores a mask together with the host bits (`10.1.2.3/8`). New records have no mask; a stored
/// one is preserved. Text form: the address, then `/mask` unless the mask has the full length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredAddress(IpNet);

impl StoredAddress {
    /// The address without the mask.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        self.0.addr()
    }

    /// The address with its mask; the full length if there is none.
    #[must_use]
    pub const fn network(&self) -> IpNet {
        self.0
    }
}

impl From<IpAddr> for StoredAddress {
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }
}

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
        parse_network(text.as_str()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Parses an address; a mask, a port, a host name and an IPv6 zone are rejected.
///
/// # Errors
/// [`ValueError::BadFormat`].
pub fn parse_address(text: &str) -> Result<IpAddr, ValueError> {
    text.parse().map_err(|_| ValueError::BadFormat {
        expected: "an IPv4 or IPv6 address without mask or port, such as 203.0.113.7",
    })
}

/// Parses an address or a CIDR network; an address without a mask matches exactly that address.
///
/// Host bits are preserved, as in PostgreSQL's `inet`: `10.1.2.3/8` stays that.
///
/// # Errors
/// [`ValueError::BadFormat`].
pub fn parse_network(text: &str) -> Result<IpNet, ValueError> {
    let network = if text.contains('/') {
        text.parse().ok()
    } else {
        text.parse::<IpAddr>().ok().map(IpNet::from)
    };
    network.ok_or(ValueError::BadFormat {
        expected: "an IP address or a CIDR network, such as 203.0.113.0/24",
    })
}
