//! The values of filters.

use std::fmt;
use std::str::FromStr;

use crate::action::Action;
use crate::error::ValueError;
use crate::limits::{
    ACTION_MAX_CHARS, METADATA_FILTER_KEY_MAX_CHARS, METADATA_FILTER_VALUE_MAX_CHARS,
    METADATA_MAX_DEPTH,
};
use crate::text::{self, Empty};
use crate::time::RecordTime;

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
