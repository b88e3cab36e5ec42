//! How a request ended.

use std::any::Any;
use std::error::Error;

use serde::Serialize;
use tower::BoxError;
use tower::timeout::error::Elapsed;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Success,
    Failure,
    Error,
    Timeout,
    Disconnected,
}

impl Outcome {
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            408 | 504 => Self::Timeout,
            500.. => Self::Error,
            400.. => Self::Failure,
            _ => Self::Success,
        }
    }

    /// The column `outcome` of the record.
    ///
    /// A timeout or a disconnect leaves open whether the action took effect.
    pub(crate) const fn column(self, status: Option<u16>) -> auditrail_core::Outcome {
        match (self, status) {
            (Self::Success, _) => auditrail_core::Outcome::Success,
            (Self::Failure, Some(401 | 403)) => auditrail_core::Outcome::Denied,
            (Self::Failure | Self::Error, _) => auditrail_core::Outcome::Failure,
            (Self::Timeout | Self::Disconnected, _) => auditrail_core::Outcome::Unknown,
        }
    }

    /// The outcome of a service error: a timeout if [`Elapsed`] is in its chain of sources.
    pub(crate) fn of_error<E: 'static>(error: &E) -> Self {
        let any: &dyn Any = error;
        if any.is::<Elapsed>() {
            return Self::Timeout;
        }
        let Some(boxed) = any.downcast_ref::<BoxError>() else {
            return Self::Error;
        };
        let mut source: Option<&(dyn Error + 'static)> = Some(&**boxed);
        while let Some(error) = source {
            if error.is::<Elapsed>() {
                return Self::Timeout;
            }
            source = error.source();
        }
        Self::Error
    }
}
