//! Errors of the client.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use auditrail_api::FieldError;
use auditrail_core::with_sources;

/// Why the client could not be created, or a call failed. It never contains the API key.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base URL is missing or invalid.
    #[error("the URL of the service {reason}; a valid one is http://127.0.0.1:8080")]
    Url {
        /// Why it is invalid.
        reason: &'static str,
    },
    /// There is no API key.
    #[error("no API key: pass one, or set AUDITRAIL_KEY or AUDITRAIL_KEY_FILE")]
    NoKey,
    /// Two settings exclude each other.
    #[error("set {one} or {other}, not both")]
    ConflictingSettings {
        /// One setting.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// The key contains characters that are invalid in a header, or is too long. Keys of Auditrail
    /// start with `adt_`.
    #[error("{place} is not a valid API key (adt_…)")]
    InvalidKey {
        /// The source of the key.
        place: String,
    },
    /// The key file cannot be read.
    #[error("cannot read the key file {}", path.display())]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The system's root certificates, which https needs, cannot be read.
    #[error("cannot read the system's root certificates, which https needs")]
    RootCertificates {
        /// The I/O error.
        source: io::Error,
    },
    /// The record cannot be encoded as JSON. Nothing was sent.
    #[error("cannot encode the record as JSON")]
    Encode {
        /// The error of the encoder.
        source: serde_json::Error,
    },
    /// The connection failed. A write may have been applied; retry it with the same id.
    #[error("cannot reach the service at {url}: {}", with_sources(&**source))]
    Unreachable {
        /// The base URL of the service.
        url: String,
        /// The network error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The call timed out. A write may have been applied; retry it with the same id.
    #[error("the service at {url} did not respond within {} ms", after.as_millis())]
    Timeout {
        /// The base URL of the service.
        url: String,
        /// The timeout.
        after: Duration,
    },
    /// The response is not one of this version of the API, so the server may be a proxy or a later
    /// version. A write may have been applied.
    #[error("unexpected response: {detail}")]
    UnexpectedResponse {
        /// What is unexpected.
        detail: String,
        /// The request id, which the service logs too.
        request_id: Option<String>,
    },
    /// The service responded with an error.
    #[error(transparent)]
    Problem(Box<Problem>),
}

/// An error response (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable error code; `http_502` and the like if the response had none.
    pub code: String,
    /// A human-readable explanation.
    pub detail: String,
    /// The invalid fields or parameters.
    pub errors: Vec<FieldError>,
    /// The request id, which the service logs too.
    pub request_id: Option<String>,
    /// The value of `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Maximum number of invalid fields in a message.
const FIELDS_IN_MESSAGE: usize = 5;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.detail)?;
        for (n, error) in self.errors.iter().take(FIELDS_IN_MESSAGE).enumerate() {
            let before = if n == 0 { ": " } else { "; " };
            let pointer = if error.pointer.is_empty() { "/" } else { &error.pointer };
            write!(f, "{before}{pointer} {}", error.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

auditrail_core::debug_as_messages!(ClientError);

impl ClientError {
    /// A stable error code: that of the service if it responded, else one of this client.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Url { .. } | Self::ConflictingSettings { .. } => "invalid_option",
            Self::NoKey | Self::KeyFile { .. } => "no_key",
            Self::InvalidKey { .. } => "bad_key",
            Self::RootCertificates { .. } => "no_roots",
            Self::Encode { .. } => "not_json",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::UnexpectedResponse { .. } => "bad_answer",
            Self::Problem(problem) => &problem.code,
        }
    }

    /// The error response of the service, if there was one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The HTTP status of the error response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }

    /// The invalid fields or parameters.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        self.problem().map_or(&[], |problem| &problem.errors)
    }

    /// The request id, which the service logs too.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::UnexpectedResponse { request_id, .. } => request_id.as_deref(),
            _ => self.problem()?.request_id.as_deref(),
        }
    }

    /// The value of `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem()?.retry_after
    }
}
