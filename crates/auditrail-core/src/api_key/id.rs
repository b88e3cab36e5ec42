//! The id of a key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ValueError;
use crate::id::RecordId;

/// The id of a key. Not a secret: records, lists and commands identify a key by it.
///
/// Generated ids are `UUIDv7`, so ordering by id is ordering by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyId(Uuid);

impl ApiKeyId {
    /// The UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl From<Uuid> for ApiKeyId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for ApiKeyId {
    type Err = ValueError;

    /// Accepts the forms that [`RecordId`] accepts.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse::<RecordId>().map(|id| Self(id.into()))
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
