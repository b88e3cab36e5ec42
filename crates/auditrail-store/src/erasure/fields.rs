//! What is erased, and of which records.

use std::collections::BTreeSet;
use std::str::FromStr;

use auditrail_core::{Actor, Target};
use auditrail_evidence::{FIELDS, FieldName};

/// Whose records are erased: those in which it is the actor, and those in which it is the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The actor.
    pub actor: Option<Actor>,
    /// The target.
    pub target: Option<Target>,
}

/// The fields to erase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedFields {
    names: BTreeSet<&'static str>,
    /// Keys of metadata, where `metadata` as a whole is not erased.
    metadata_keys: BTreeSet<String>,
}

/// A field that cannot be erased.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot erase {field:?}; the fields are actor_id, actor_name, target_id, target_name, ip_address, user_agent, \
     request_id, metadata and metadata.KEY"
)]
pub struct UnknownField {
    /// The text.
    pub field: String,
}

/// The fields of records in which the subject is the actor.
const OF_ACTOR: [&str; 4] = ["actor_id", "actor_name", "ip_address", "user_agent"];
/// The fields of records in which the subject is the target.
const OF_TARGET: [&str; 2] = ["target_id", "target_name"];
/// The fields of either.
const OF_BOTH: [&str; 2] = ["request_id", "metadata"];

impl ErasedFields {
    /// What identifies a person: ids, names, address and user agent.
    #[must_use]
    pub fn usual() -> Self {
        let names = OF_ACTOR.into_iter().chain(OF_TARGET).collect();
        Self { names, metadata_keys: BTreeSet::new() }
    }

    /// These fields.
    ///
    /// # Errors
    /// [`UnknownField`].
    pub fn new<'a>(fields: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownField> {
        let mut erased = Self::default();
        for field in fields {
            let known = OF_ACTOR.into_iter().chain(OF_TARGET).chain(OF_BOTH);
            if let Some(key) = field.strip_prefix("metadata.").filter(|key| !key.is_empty()) {
                erased.metadata_keys.insert(key.to_owned());
            } else if let Some(name) = known.into_iter().find(|name| *name == field) {
                erased.names.insert(name);
            } else {
                return Err(UnknownField { field: field.to_owned() });
            }
        }
        if erased.names.contains("metadata") {
            erased.metadata_keys.clear();
        }
        Ok(erased)
    }

    /// The names as they were given.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let keys = self.metadata_keys.iter().map(|key| format!("metadata.{key}"));
        self.names.iter().map(ToString::to_string).chain(keys)
    }

    /// The columns to change of a record in which the subject is the actor, the target, or both.
    pub(super) fn columns(&self, is_actor: bool, is_target: bool) -> Vec<FieldName> {
        let is_erased = |name: &str| {
            self.names.contains(name) || (name == "metadata" && !self.metadata_keys.is_empty())
        };
        let applies = |name: &str| {
            OF_BOTH.contains(&name)
                || (is_actor && OF_ACTOR.contains(&name))
                || (is_target && OF_TARGET.contains(&name))
        };
        FIELDS
            .into_iter()
            .filter(|field| is_erased(field.as_str()) && applies(field.as_str()))
            .collect()
    }

    /// The keys of metadata to remove; none to remove all of it.
    pub(super) fn metadata_keys(&self) -> impl Iterator<Item = &str> {
        self.metadata_keys.iter().map(String::as_str)
    }
}

impl FromStr for ErasedFields {
    type Err = UnknownField;

    /// Fields with commas between them.
    fn from_str(text: &str) -> Result<Self, UnknownField> {
        Self::new(text.split(',').map(str::trim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_apply_to_the_side_of_the_subject() {
        let names = |columns: Vec<FieldName>| -> Vec<&str> {
            columns.into_iter().map(FieldName::as_str).collect()
        };
        let usual = ErasedFields::usual();
        assert_eq!(
            names(usual.columns(true, false)),
            ["actor_id", "ip_address", "user_agent", "actor_name"]
        );
        assert_eq!(names(usual.columns(false, true)), ["target_id", "target_name"]);
        let some: ErasedFields = "metadata.email, target_id".parse().unwrap();
        assert_eq!(names(some.columns(true, false)), ["metadata"]);
        assert_eq!(names(some.columns(true, true)), ["target_id", "metadata"]);
        assert_eq!(some.names().collect::<Vec<_>>(), ["target_id", "metadata.email"]);
        let whole: ErasedFields = "metadata.email,metadata".parse().unwrap();
        assert_eq!(whole.metadata_keys().count(), 0);
        for wrong in ["id", "created_at", "", "metadata.", "action", "tenant_id"] {
            assert!(wrong.parse::<ErasedFields>().is_err(), "{wrong}");
        }
    }
}
