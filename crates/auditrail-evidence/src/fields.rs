//! The fields that an entry commits to.

use std::fmt;
use std::str::FromStr;

/// A field of a record that an entry commits to: each but its id and its time, which the entry has itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName(usize);

/// The names, in the order of their commitments. The order never changes; a column that is added needs a new version
/// of the entry.
const NAMES: [&str; 14] = [
    "actor_type",
    "actor_id",
    "action",
    "target_type",
    "target_id",
    "metadata",
    "ip_address",
    "user_agent",
    "tenant_id",
    "request_id",
    "outcome",
    "actor_name",
    "target_name",
    "recorded_by",
];

/// The fields, in the order of their commitments.
pub const FIELDS: [FieldName; NAMES.len()] = {
    let mut fields = [FieldName(0); NAMES.len()];
    let mut index = 0;
    while index < fields.len() {
        fields[index] = FieldName(index);
        index += 1;
    }
    fields
};

impl FieldName {
    /// The name of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        NAMES[self.0]
    }

    /// Its place in [`FIELDS`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FieldName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        FIELDS.into_iter().find(|field| field.as_str() == name).ok_or(())
    }
}
