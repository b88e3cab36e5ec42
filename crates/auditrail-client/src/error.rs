//! Why the client could not be made, or a call failed.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use serde::Deserialize;

/// Why the client could not be made, or a call failed. The API key is never a part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Mend the address.
    #[error("the address of the service {reason}; give one such as http://127.0.0.1:8080")]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Give a key.
    #[error("there is no API key: give one, or set AUDITRAIL_KEY or AUDITRAIL_KEY_FILE")]
    NoKey,
    /// Keep to one of two settings.
    #[error("set {one} or {other}, not both")]
    Both {
        /// A setting.
        one: &'static str,
        /// Another that says the same.
        other: &'static str,
    },
    /// Give a key, which begins with `adt_`.
    #[error("{place} holds no API key (adt_…)")]
    BadKey {
        /// Where the text came from.
        place: String,
    },
    /// See that the file of the key can be read.
    #[error("cannot read the key file {}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What reading said.
        source: io::Error,
    },
    /// Install the certificates of the authorities that this system trusts.
    #[error("cannot read the certificates that this system trusts, which https needs")]
    Roots {
        /// What reading said.
        source: io::Error,
    },
    /// The record holds what JSON cannot. Nothing was sent.
    #[error("the record cannot be put into JSON")]
    NotJson {
        /// What the encoder said.
        source: serde_json::Error,
    },
    /// Nothing is known about a write. Repeat it with the same id.
    #[error("no answer from the service at {url}")]
    Unreachable {
        /// The address of the service.
        url: String,
        /// What the network said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing is known about a write. Repeat it with the same id.
    #[error("the service at {url} did not answer in {} ms", after.as_millis())]
    Timeout {
        /// The address of the service.
        url: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// What answered is no Auditrail service, or one of a later version. Nothing is known about a write.
    #[error("the answer makes no sense: {detail}")]
    BadAnswer {
        /// What is wrong with it.
        detail: String,
        /// The id of the request, which the log of the service has too.
        request_id: Option<String>,
    },
    /// The service said no; its code says why.
    #[error(transparent)]
    Problem(Box<Problem>),
}

/// An answer that is no success (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, to match on; `http_502` and the like where whoever answered gave no code.
    pub code: String,
    /// What went wrong this time, for people.
    pub detail: String,
    /// Every wrong field.
    pub errors: Vec<WrongField>,
    /// The id of the request, which the log of the service has too.
    pub request_id: Option<String>,
    /// How long to wait before trying again, when the service said so.
    pub retry_after: Option<Duration>,
}

/// One wrong field of a record, or one wrong parameter of a search.
///
/// The code is text here, because a later service may have codes that this client does not know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct WrongField {
    /// A JSON pointer, or the bare name of a parameter; empty for the whole body.
    pub pointer: String,
    /// Stable code to match on.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
}

/// How many wrong fields a message names.
const SHOWN_ERRORS: usize = 5;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.detail)?;
        for (n, error) in self.errors.iter().take(SHOWN_ERRORS).enumerate() {
            let before = if n == 0 { ": " } else { "; " };
            let pointer = if error.pointer.is_empty() { "/" } else { &error.pointer };
            write!(f, "{before}{pointer} {}", error.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl ClientError {
    /// Stable name of the problem: that of the service where it answered, else ours.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Url { .. } | Self::Both { .. } => "invalid_option",
            Self::NoKey | Self::KeyFile { .. } => "no_key",
            Self::BadKey { .. } => "bad_key",
            Self::Roots { .. } => "no_roots",
            Self::NotJson { .. } => "not_json",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::BadAnswer { .. } => "bad_answer",
            Self::Problem(problem) => &problem.code,
        }
    }

    /// What the service said, where it answered in its own form.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The HTTP status, when the answer was no success.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }

    /// Every wrong field.
    #[must_use]
    pub fn errors(&self) -> &[WrongField] {
        self.problem().map_or(&[], |problem| &problem.errors)
    }

    /// The id of the request, which the log of the service has too.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::BadAnswer { request_id, .. } => request_id.as_deref(),
            _ => self.problem()?.request_id.as_deref(),
        }
    }

    /// How long to wait before trying again, when the service said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem()?.retry_after
    }
}
