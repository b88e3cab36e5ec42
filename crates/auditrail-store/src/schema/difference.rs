//! The differences between two schemas.

use std::fmt;

use serde::Serialize;

use super::model::{Index, Trigger};

/// A difference between the live and the expected schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The object that differs, such as `column control_plane.audit_logs.action`.
    pub object: String,
    /// How it differs.
    #[serde(flatten)]
    pub finding: Finding,
}

/// How an object differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// It is expected, but missing.
    Missing,
    /// It exists, but is not expected.
    Extra,
    /// An index that the user added. It is reported, but is no drift.
    ExtraIndex,
    /// A property differs.
    Different {
        /// Its name: `type`, `default`, `comment`, …
        property: &'static str,
        /// The expected value.
        expected: String,
        /// The live value.
        found: String,
    },
    /// The index is invalid, because its build was interrupted.
    InvalidIndex,
}

impl Difference {
    /// Whether this is drift. Only an extra plain index is not.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        self.finding != Finding::ExtraIndex
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match &self.finding {
            Finding::Missing => write!(f, "{object} is missing"),
            Finding::Extra => write!(f, "{object} should not be there"),
            Finding::ExtraIndex => write!(f, "{object} was added by the user (allowed)"),
            Finding::InvalidIndex => write!(
                f,
                "{object} is invalid: its concurrent build was interrupted, and no query uses it; \
                 drop it and create it again"
            ),
            Finding::Different { property, expected, found } => {
                write!(f, "{object} has {property} {found}, expected {expected}")
            }
        }
    }
}

/// A unique index can reject a write, and an invalid one is a failed build; a plain one only costs time.
pub(super) fn extra_index(index: &Index) -> Finding {
    match (index.valid, index.unique) {
        (false, _) => Finding::InvalidIndex,
        (true, true) => Finding::Extra,
        (true, false) => Finding::ExtraIndex,
    }
}

pub(super) fn compare_trigger(
    object: &str,
    expected: &Trigger,
    found: &Trigger,
    out: &mut Vec<Difference>,
) {
    let Trigger { definition, fires } = expected;
    property(object, "definition", definition, &found.definition, out);
    property(object, "firing mode", fires, &found.fires, out);
}

pub(super) fn property<T: Shown + PartialEq>(
    object: &str,
    property: &'static str,
    expected: &T,
    found: &T,
    out: &mut Vec<Difference>,
) {
    if expected != found {
        let finding =
            Finding::Different { property, expected: expected.shown(), found: found.shown() };
        out.push(difference(object.to_owned(), finding));
    }
}

pub(super) fn difference(object: String, finding: Finding) -> Difference {
    Difference { object, finding }
}

/// Formats a property for a message.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Shown for Option<String> {
    fn shown(&self) -> String {
        self.as_deref().map_or_else(|| "none".to_owned(), quoted)
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("`{text}`")
}
