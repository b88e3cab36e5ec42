//! Commitments to the fields of a record, and the secrets that hide them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::fields::{FIELDS, FieldName};
use crate::mac::mac;

/// What the message of a salt begins with.
const SALT: &[u8] = b"auditrail/salt/v1\n";
/// What the commitments of a record begin with, when they are hashed.
const ROOT: &[u8] = b"auditrail/fields/v1\n";

/// The secret of a record, from which the salts of its fields are derived: 32 random bytes. Once it is destroyed, no
/// value can be compared with a commitment any more. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordKey([u8; Self::BYTES]);

/// The salt of a field. With it one can find out whether the field has a given value. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub [u8; Self::BYTES]);

/// The commitment to a field, which reveals nothing without its salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Commitment(pub [u8; Self::BYTES]);

impl RecordKey {
    /// The length of a key.
    pub const BYTES: usize = 32;

    /// From 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The salt of a field: HMAC-SHA256 under the key, of `auditrail/salt/v1`, a newline and the name.
    #[must_use]
    pub fn salt(&self, field: FieldName) -> Salt {
        Salt(mac(&self.0, &[SALT, field.as_str().as_bytes()]))
    }

    /// The commitments to all fields, of which these are the values.
    #[must_use]
    pub fn commitments(&self, values: &[Option<&str>; FIELDS.len()]) -> [Commitment; FIELDS.len()] {
        FIELDS.map(|field| self.salt(field).commitment(field, values[field.index()]))
    }
}

impl Salt {
    /// The length of a salt.
    pub const BYTES: usize = 32;

    /// The commitment to a value: HMAC-SHA256 under the salt, of the name, a zero byte, a byte that is 1 if there is a
    /// value and 0 for null, and the value.
    #[must_use]
    pub fn commitment(&self, field: FieldName, value: Option<&str>) -> Commitment {
        let presence: &[u8] = if value.is_some() { &[0, 1] } else { &[0, 0] };
        let value = value.unwrap_or_default().as_bytes();
        Commitment(mac(&self.0, &[field.as_str().as_bytes(), presence, value]))
    }
}

impl Commitment {
    /// The length of a commitment.
    pub const BYTES: usize = 32;
}

/// The SHA-256 of `auditrail/fields/v1`, a newline and the commitments to all fields in their order.
#[must_use]
pub fn fields_root(commitments: &[Commitment; FIELDS.len()]) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix(ROOT);
    commitments.iter().for_each(|commitment| digest.update(commitment.0));
    digest.finalize().into()
}

impl Drop for RecordKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey")
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}
