//! The hashes of RFC 6962, section 2.1.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of a leaf, a node or a whole tree. As text it is 44 characters of Base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; Self::BYTES]);

/// The root of a tree without leaves: the hash of no bytes.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// A text that is not the Base64 of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 44 characters of Base64")]
pub struct InvalidHash;

impl Hash {
    /// The length of a hash.
    pub const BYTES: usize = 32;
}

/// The hash of a leaf: SHA-256 of a zero byte and the entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut digest = Sha256::new_with_prefix([0]);
    digest.update(entry);
    Hash(digest.finalize().into())
}

/// The hash of a node with two children: SHA-256 of a byte 1 and their hashes.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut digest = Sha256::new_with_prefix([1]);
    digest.update(left.0);
    digest.update(right.0);
    Hash(digest.finalize().into())
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        // One form for each hash: `STANDARD` refuses missing padding and bits that belong to no byte.
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(InvalidHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    #[test]
    fn hash_is_read_as_it_is_printed() {
        let hash = leaf_hash(b"entry");
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn other_forms_of_a_hash_are_refused() {
        let text = EMPTY_ROOT.to_string();
        assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        for other in [
            "",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
            " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ] {
            assert_eq!(other.parse::<Hash>(), Err(InvalidHash), "{other}");
        }
    }
}
