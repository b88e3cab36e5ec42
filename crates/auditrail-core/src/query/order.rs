//! The order of the records of a search.

use std::str::FromStr;

use crate::error::ValueError;

/// The order of the records of a search, by `created_at`, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Both descending.
    #[default]
    NewestFirst,
    /// Both ascending.
    OldestFirst,
}

impl Order {
    /// The value of the parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewestFirst => "desc",
            Self::OldestFirst => "asc",
        }
    }
}

impl FromStr for Order {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "desc" => Ok(Self::NewestFirst),
            "asc" => Ok(Self::OldestFirst),
            _ => Err(ValueError::UnknownValue { expected: "desc, asc" }),
        }
    }
}
