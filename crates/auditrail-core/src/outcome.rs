//! How an action ended.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ValueError;

/// How an action ended. A check constraint of the table enforces the list.
///
/// An intent that was recorded before its action has [`Unknown`](Self::Unknown); the record of its outcome
/// has the id [`RecordId::outcome_of_intent`](crate::RecordId::outcome_of_intent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The action took effect.
    Success,
    /// The action was attempted and did not take effect.
    Failure,
    /// The actor was not allowed to do it.
    Denied,
    /// The action may have taken effect: it timed out, or its end was not observed.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Denied, Self::Unknown];

    /// The value of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Outcome {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or(ValueError::UnknownValue { expected: "success, failure, denied, unknown" })
    }
}

impl TryFrom<&str> for Outcome {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
