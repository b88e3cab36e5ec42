//! Rules of retention: how long records are kept.
//!
//! A record has at most one rule: one of its tenant before one of all tenants, and then one of its action before
//! one of a prefix, a longer prefix before a shorter one, and all of these before one of all actions. Without a
//! rule a record is kept for ever. The SQL function `audit_log_kept_since` of the store applies this order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::actor::Actor;
use crate::error::{InputError, ValueError};
use crate::id::RecordId;
use crate::limits::{RETENTION_DAYS_MAX, RETENTION_DAYS_MIN};
use crate::metadata::type_name;
use crate::object_reader::{self, ObjectReader};
use crate::query::ActionFilter;
use crate::text::TenantId;
use crate::time::RecordTime;

/// The names of the fields of a rule in JSON.
const FIELDS: [&str; 3] = ["tenant_id", "action", "keep_days"];

/// The id of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RetentionRuleId(Uuid);

impl RetentionRuleId {
    /// The UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl From<Uuid> for RetentionRuleId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for RetentionRuleId {
    type Err = ValueError;

    /// Accepts the forms that [`RecordId`] accepts.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse::<RecordId>().map(|id| Self(id.into()))
    }
}

impl fmt::Display for RetentionRuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long records are kept: days of 24 hours since `created_at`, from [`RETENTION_DAYS_MIN`] to
/// [`RETENTION_DAYS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeepDays(i32);

impl KeepDays {
    /// A number of days.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] below the minimum, which protects from slips, and beyond the maximum.
    pub fn new(days: i64) -> Result<Self, ValueError> {
        match i32::try_from(days) {
            Ok(days) if (RETENTION_DAYS_MIN..=RETENTION_DAYS_MAX).contains(&days) => Ok(Self(days)),
            _ => Err(ValueError::OutOfRange { range: "from 7 to 36500 days" }),
        }
    }

    /// The number of days.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// The records that a rule applies to, and how long it keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRetentionRule {
    /// Records of this tenant; `None` for all records.
    pub tenant_id: Option<TenantId>,
    /// Records of this action or prefix; `None` for all actions.
    pub action: Option<ActionFilter>,
    /// How long they are kept; `None` for ever.
    pub keep_days: Option<KeepDays>,
}

impl NewRetentionRule {
    /// Parses one untrusted JSON object: the strings `tenant_id` and `action`, and the integer `keep_days`.
    ///
    /// `null` means absent, for every field; without `keep_days` the records are kept for ever. Repeated and
    /// unknown fields are rejected.
    ///
    /// # Errors
    /// [`InputError::NotJson`] with the position, or [`InputError::Invalid`] with every invalid field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InputError> {
        let text = object_reader::utf8(bytes)?;
        let mut reader = ObjectReader::of(text, &FIELDS, "is not a field of a rule of retention")?;
        let tenant_id = reader.optional("tenant_id", str::parse);
        let action = reader.optional("action", str::parse);
        let keep_days = reader.field("keep_days").map(|raw| days(raw.get()));
        let keep_days = keep_days.and_then(|days| reader.keep("keep_days", days));
        reader.finish(Some(Self { tenant_id, action, keep_days }))
    }
}

/// Parses an integer in JSON.
fn days(text: &str) -> Result<KeepDays, ValueError> {
    match text.parse::<i64>() {
        Ok(days) => KeepDays::new(days),
        Err(_) if type_name(text) == "a number" => {
            Err(ValueError::BadFormat { expected: "a whole number of days" })
        }
        Err(_) => Err(ValueError::WrongType { expected: "a number", found: type_name(text) }),
    }
}

/// A rule as it is stored.
///
/// Serializes as flat JSON, with actors in the text form of [`Actor`] and `null` for all tenants, all actions and
/// for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetentionRule {
    /// The id.
    pub id: RetentionRuleId,
    /// Records of this tenant; `None` for all records.
    pub tenant_id: Option<TenantId>,
    /// Records of this action or prefix; `None` for all actions.
    #[serde(serialize_with = "as_optional_text")]
    pub action: Option<ActionFilter>,
    /// How long they are kept; `None` for ever.
    pub keep_days: Option<KeepDays>,
    /// When the rule was created.
    pub created_at: RecordTime,
    /// The actor that created it.
    #[serde(serialize_with = "as_text")]
    pub created_by: Actor,
    /// When it was last changed.
    pub changed_at: RecordTime,
    /// The actor that last changed it.
    #[serde(serialize_with = "as_text")]
    pub changed_by: Actor,
}

fn as_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_optional_text<S: Serializer>(
    action: &Option<ActionFilter>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match action {
        Some(action) => serializer.collect_str(action),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NewRetentionRule, Vec<String>> {
        NewRetentionRule::from_json(text.as_bytes()).map_err(|error| match error {
            InputError::NotJson { detail, .. } => vec![detail],
            InputError::Invalid(errors) => {
                errors.into_iter().map(|error| error.to_string()).collect()
            }
        })
    }

    #[test]
    fn absent_fields_mean_all_and_for_ever() {
        let all = NewRetentionRule { tenant_id: None, action: None, keep_days: None };
        assert_eq!(parse("{}"), Ok(all.clone()));
        assert_eq!(parse(r#"{"tenant_id":null,"action":null,"keep_days":null}"#), Ok(all));
        let rule = parse(r#"{"tenant_id":"t1","action":"project.*","keep_days":365}"#).unwrap();
        assert_eq!(rule.action.unwrap().to_string(), "project.*");
        assert_eq!(rule.keep_days.unwrap().get(), 365);
    }

    #[test]
    fn every_invalid_field_is_reported() {
        for (text, pointer) in [
            (r#"{"keep_days":6}"#, "/keep_days"),
            (r#"{"keep_days":36501}"#, "/keep_days"),
            (r#"{"keep_days":-1}"#, "/keep_days"),
            (r#"{"keep_days":7.5}"#, "/keep_days"),
            (r#"{"keep_days":"365"}"#, "/keep_days"),
            (r#"{"action":"*"}"#, "/action"),
            (r#"{"action":""}"#, "/action"),
            (r#"{"tenant_id":""}"#, "/tenant_id"),
            (r#"{"days":365}"#, "/days"),
        ] {
            let errors = parse(text).unwrap_err();
            assert!(errors.len() == 1 && errors[0].contains(pointer), "{text}: {errors:?}");
        }
        let errors = parse(r#"{"tenant_id":"","action":"*","keep_days":0}"#).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
    }
}
