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
