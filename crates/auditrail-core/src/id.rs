//! The id of a record.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::error::ValueError;
use crate::text::JsonText;

/// The id of a record: any UUID. Generated ids are `UUIDv7`, so new rows go to the cached end of the
/// index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RecordId(Uuid);

impl RecordId {
    /// A `UUIDv7` (RFC 9562 §5.7) from a time and random bytes.
    ///
    /// A time before 1970 counts as 1970. Of the 80 random bits 74 are used.
    #[must_use]
    pub fn from_parts(time: Timestamp, random: [u8; 10]) -> Self {
        Self(Builder::from_unix_timestamp_millis(millis(time), &random).into_uuid())
    }

    /// A deterministic id: the same time and parts always give the same id.
    ///
    /// It makes repeated imports and requests idempotent. With a time the result has the form of a
    /// `UUIDv7` of that time; without, of a `UUIDv8`. The other bits are
    /// SHA-256 over a fixed tag, the time in microseconds and each part after its length, so that
    /// `["ab", "c"]` and `["a", "bc"]` differ. The derivation never changes.
    #[must_use]
    pub fn derived(time: Option<Timestamp>, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(b"auditrail record id v1\0");
        match time {
            Some(time) => {
                hash.update([1]);
                hash.update(time.as_microsecond().to_be_bytes());
            }
            None => hash.update([0]),
        }
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        match time {
            Some(time) => {
                let mut random = [0; 10];
                random.copy_from_slice(&digest[..10]);
                Self::from_parts(time, random)
            }
            None => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&digest[..16]);
                Self(Builder::from_custom_bytes(bytes).into_uuid())
            }
        }
    }

    /// This id as the id of an intent: with its last bit clear.
    #[must_use]
    pub const fn as_intent(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128() & !1))
    }

    /// The id of the record that has the outcome of the intent with this id: the same with its last bit set.
    ///
    /// So a search finds out by one look-up of the primary key whether an intent has an outcome.
    #[must_use]
    pub const fn outcome_of_intent(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128() | 1))
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

/// Milliseconds since 1970; 0 for earlier times, which a `UUIDv7` cannot represent.
fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

impl From<Uuid> for RecordId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<RecordId> for Uuid {
    fn from(id: RecordId) -> Self {
        id.0
    }
}

impl FromStr for RecordId {
    type Err = ValueError;

    /// Parses a UUID of any version, with or without hyphens, in either case.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_plain = matches!(text.len(), 32 | 36);
        Uuid::try_parse(text).ok().filter(|_| is_plain).map(Self).ok_or(ValueError::BadFormat {
            expected: "a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057",
        })
    }
}

impl TryFrom<&str> for RecordId {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = JsonText::deserialize(deserializer)?;
        text.as_str().parse().map_err(serde::de::Error::custom)
    }
}
