//! Which intents a search includes.

use std::fmt;
use std::str::FromStr;

use crate::error::ValueError;

/// Which intents a search includes.
///
/// With the failure policy `must` an action leaves two records: the intent before it, with the outcome
/// `unknown`, and the outcome after it, whose metadata names the intent. Both are of one action, so an
/// intent whose outcome is recorded is not listed or counted by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intents {
    /// Intents without an outcome.
    Open,
    /// Every intent.
    All,
}

impl Intents {
    /// The value of the parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::All => "all",
        }
    }
}

impl FromStr for Intents {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "open" => Ok(Self::Open),
            "all" => Ok(Self::All),
            _ => Err(ValueError::UnknownValue { expected: "open, all" }),
        }
    }
}

impl fmt::Display for Intents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
