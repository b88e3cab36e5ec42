//! What is wrong with a policy.

use std::fmt;
use std::io;

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Make the file readable, or name another.
    #[error("cannot read the policy {path}; check that the file is there and may be read")]
    Unreadable {
        /// The file that was asked for.
        path: String,
        /// Why it could not be read.
        source: io::Error,
    },
    /// Correct what is listed: everything that is wrong, in the order of the lines.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

impl PolicyError {
    /// Everything that is wrong with the text, in the order of its lines.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid(problems) => problems,
        }
    }
}

/// One thing that is wrong with a policy. Shown as `audit.toml:7: what is wrong, and what to write instead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What the policy is called: its file.
    pub policy: String,
    /// The line, from 1. None for a policy that was built and not read.
    pub line: Option<usize>,
    /// What is wrong, and what to write instead.
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
