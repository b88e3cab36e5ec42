//! The filters of a search. A record must match all of them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use super::expression::Expression;
use super::intents::Intents;
use crate::action::Action;
use crate::actor::{Actor, ActorType};
use crate::error::ValueError;
use crate::inet::StoredAddress;
use crate::limits::{
    ACTION_MAX_CHARS, METADATA_FILTER_KEY_MAX_CHARS, METADATA_FILTER_VALUE_MAX_CHARS,
    METADATA_MAX_DEPTH,
};
use crate::outcome::Outcome;
use crate::target::{Target, TargetType};
use crate::text::{self, ActorId, Empty, RequestId, TargetId, TenantId};
use crate::time::RecordTime;

/// The filters of a search; the default matches every record but intents that have an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Exactly this actor id.
    pub actor_id: Option<ActorId>,
    /// This kind of actor.
    pub actor_type: Option<ActorType>,
    /// This action, or all actions of a resource.
    pub action: Option<ActionFilter>,
    /// This kind of target.
    pub target_type: Option<TargetType>,
    /// Exactly this target id.
    pub target_id: Option<TargetId>,
    /// Exactly this tenant.
    pub tenant_id: Option<TenantId>,
    /// Exactly this request.
    pub request_id: Option<RequestId>,
    /// This outcome.
    pub outcome: Option<Outcome>,
    /// Which intents to include; `None` for the open ones, and in an export for all.
    pub intents: Option<Intents>,
    /// An address in this network; a single address is a network of full length.
    pub ip_address: Option<IpNet>,
    /// In this range of time.
    pub created_at: TimeRange,
    /// With all of these metadata values, in the order of their keys.
    pub metadata: Vec<MetadataFilter>,
    /// Meeting this expression too.
    pub q: Option<Expression>,
}

/// The parameters that [`Filters::to_pairs`] uses: those that services of every version know.
const PAIR_NAMES: [&str; 12] = [
    "actor_id",
    "actor_type",
    "action",
    "target_type",
    "target_id",
    "tenant_id",
    "request_id",
    "outcome",
    "intents",
    "ip_address",
    "start_date",
    "end_date",
];

impl Filters {
    /// With the id and the type of this actor.
    #[must_use]
    pub fn with_actor(self, actor: &Actor) -> Self {
        let actor_id = ActorId::from_stored(actor.id());
        Self { actor_id: Some(actor_id), actor_type: Some(actor.actor_type()), ..self }
    }

    /// With the id and the type of this target.
    #[must_use]
    pub fn with_target(self, target: Target) -> Self {
        let Target { target_type, target_id } = target;
        Self { target_type: Some(target_type), target_id: Some(target_id), ..self }
    }

    /// The filters as parameters, in a fixed order; [`from_pairs`](Self::from_pairs) reads them back.
    ///
    /// Uses `start_date` and `end_date`, which services of every version know.
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(Cow<'static, str>, String)> {
        let Self {
            actor_id,
            actor_type,
            action,
            target_type,
            target_id,
            tenant_id,
            request_id,
            outcome,
            intents,
            ip_address,
            created_at: TimeRange { start, end },
            metadata,
            q,
        } = self;
        let values = [
            actor_id.as_ref().map(ToString::to_string),
            actor_type.as_ref().map(ToString::to_string),
            action.as_ref().map(ToString::to_string),
            target_type.as_ref().map(ToString::to_string),
            target_id.as_ref().map(ToString::to_string),
            tenant_id.as_ref().map(ToString::to_string),
            request_id.as_ref().map(ToString::to_string),
            outcome.as_ref().map(ToString::to_string),
            intents.as_ref().map(ToString::to_string),
            ip_address.map(|network| StoredAddress::from(network).to_string()),
            start.as_ref().map(ToString::to_string),
            end.as_ref().map(ToString::to_string),
        ];
        let named = PAIR_NAMES.into_iter().zip(values);
        let mut pairs: Vec<_> =
            named.filter_map(|(name, value)| Some((Cow::Borrowed(name), value?))).collect();
        for MetadataFilter { key, value } in metadata {
            pairs.push((Cow::Owned(format!("metadata.{key}")), value.to_string()));
        }
        pairs.extend(q.as_ref().map(|q| (Cow::Borrowed("q"), q.to_string())));
        pairs
    }
}

/// A filter on the action.
///
/// The text form is the action, or `project.*` for every action that starts with `project.`. An exact
/// action need not have the form `resource.verb`, so that rows written by plain SQL can be found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ActionFilter {
    /// Exactly this action.
    Exact(Action),
    /// Every action with this prefix.
    Prefix(ActionPrefix),
}

/// The prefix of an action, with its dot: `project.`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActionPrefix(Box<str>);

impl ActionPrefix {
    /// The prefix, with its dot and without the star.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ActionFilter {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text::check(text, ACTION_MAX_CHARS, Empty::refused)?;
        match text.strip_suffix('*') {
            Some("" | ".") => {
                Err(ValueError::BadFormat { expected: "an action, or a prefix such as project.*" })
            }
            Some(prefix) if prefix.ends_with('.') => Ok(Self::Prefix(ActionPrefix(prefix.into()))),
            _ => Ok(Self::Exact(Action::from_stored(text))),
        }
    }
}

impl fmt::Display for ActionFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(action) => action.fmt(f),
            Self::Prefix(prefix) => write!(f, "{}*", prefix.0),
        }
    }
}

/// A range of time, from `start` (inclusive) to `end` (exclusive). Either may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimeRange {
    start: Option<RecordTime>,
    end: Option<RecordTime>,
}

impl TimeRange {
    /// A range from its bounds; `None` when the start is not before the end, so that no record can match.
    #[must_use]
    pub fn new(start: Option<RecordTime>, end: Option<RecordTime>) -> Option<Self> {
        let is_empty = matches!((start, end), (Some(start), Some(end)) if start >= end);
        (!is_empty).then_some(Self { start, end })
    }

    /// The inclusive start.
    #[must_use]
    pub const fn start(&self) -> Option<RecordTime> {
        self.start
    }

    /// The exclusive end.
    #[must_use]
    pub const fn end(&self) -> Option<RecordTime> {
        self.end
    }
}

/// A key of the metadata and the required text of its value.
///
/// The value is compared as `->>` returns it: `5` matches the number 5 and the string `"5"`. A key with dots is
/// both a top-level key and a [path](Self::path) through nested objects: `http.status` finds
/// `{"http.status": 404}` and `{"http": {"status": 404}}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetadataFilter {
    key: Box<str>,
    value: Box<str>,
}

impl MetadataFilter {
    /// A filter from a key and a value. Line breaks are allowed, since JSON strings can contain them.
    ///
    /// # Errors
    /// When the key is empty, or when either is too long or contains NUL.
    pub fn new(key: &str, value: &str) -> Result<Self, ValueError> {
        if key.is_empty() {
            return Err(ValueError::Empty);
        }
        check_length(key, METADATA_FILTER_KEY_MAX_CHARS)?;
        check_length(value, METADATA_FILTER_VALUE_MAX_CHARS)?;
        Ok(Self { key: key.into(), value: value.into() })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The keys of nested objects that lead to the value, if the key has dots and metadata can be so deep.
    #[must_use]
    pub fn path(&self) -> Option<Vec<&str>> {
        let path: Vec<&str> = self.key.split('.').collect();
        (2..=METADATA_MAX_DEPTH).contains(&path.len()).then_some(path)
    }

    /// The required text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

fn check_length(text: &str, max: usize) -> Result<(), ValueError> {
    let chars = text.chars().count();
    if chars > max {
        return Err(ValueError::TooLong { chars, max });
    }
    match text.chars().position(|c| c == '\0') {
        Some(index) => Err(ValueError::ControlCharacter { code: 0, at: index + 1 }),
        None => Ok(()),
    }
}
