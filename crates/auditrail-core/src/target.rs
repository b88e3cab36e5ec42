//! The target of a record.

use std::fmt;
use std::str::FromStr;

use crate::error::ValueError;
use crate::limits::TARGET_TYPE_MAX_CHARS;
use crate::open_enum::open_enum;
use crate::text::{self, Empty, TargetId};

open_enum! {
    /// The type of a target.
    TargetType, other = OtherTargetType, check = check_new,
    {
        /// A project.
        Project = "project",
        /// A user.
        User = "user",
        /// An API key.
        ApiKey = "api_key",
        /// A secret.
        Secret = "secret",
        /// An organization.
        Organization = "organization",
        /// A team.
        Team = "team",
    }
}

/// Checks the target type of a new record.
fn check_new(target_type: &str) -> Result<(), ValueError> {
    text::check(target_type, TARGET_TYPE_MAX_CHARS, Empty::refused)
}

/// The target of a record: a type and an id.
///
/// The text form is `project:p1`. Parsing splits at the first colon, so an id may contain colons; a type
/// that contains one (`AWS::S3::Bucket`) displays but does not parse, and needs [`Target::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The type.
    pub target_type: TargetType,
    /// The id.
    pub target_id: TargetId,
}

impl Target {
    /// A target from its type and its id.
    #[must_use]
    pub const fn new(target_type: TargetType, target_id: TargetId) -> Self {
        Self { target_type, target_id }
    }
}

impl FromStr for Target {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (target_type, target_id) = text
            .split_once(':')
            .ok_or(ValueError::BadFormat { expected: "TYPE:ID, such as project:p1" })?;
        Ok(Self { target_type: target_type.parse()?, target_id: target_id.parse()? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target_type, self.target_id)
    }
}
