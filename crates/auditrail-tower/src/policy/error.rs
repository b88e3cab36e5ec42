//! Errors of a policy.

use std::fmt;
use std::io;

/// A policy could not be loaded.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file could not be read.
    #[error("cannot read the policy {path}; check that the file exists and is readable")]
    Unreadable {
        /// The path of the file.
        path: String,
        /// The I/O error.
        source: io::Error,
    },
    /// The policy is invalid: all problems, ordered by line.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

auditrail_core::debug_as_messages!(PolicyError);

impl PolicyError {
    /// The problems of an invalid policy, ordered by line.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid(problems) => problems,
        }
    }
}

/// A problem of a policy. Displayed as `audit.toml:7: the problem; the correction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the policy, usually its file.
    pub policy: String,
    /// The line, from 1. `None` for a policy that was built in code.
    pub line: Option<usize>,
    /// The problem and its correction.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.policy, self.what),
            None => write!(f, "{}: {}", self.policy, self.what),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
