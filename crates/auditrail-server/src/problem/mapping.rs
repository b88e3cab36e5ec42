//! Maps errors to problems.

use auditrail_core::{FieldError, InputError, ValidationErrors, ValueError};
use auditrail_store::{StoreError, WriteError};
use axum::http::{HeaderValue, StatusCode, header};

use super::Problem;
use crate::auth::{AuthError, TenantMismatch};
use crate::caller::TooManyRequests;
use crate::limits::{RETRY_LATER, RETRY_SOON};
use crate::writes::WritesError;

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::Refused => {
                let title = "Invalid API key";
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                Self::new(StatusCode::UNAUTHORIZED, "invalid_key", title, detail)
                    .with_header(header::WWW_AUTHENTICATE, challenge)
            }
            AuthError::Unavailable(_) => {
                let title = "Service unavailable";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", title, detail)
                    .retry_after(RETRY_SOON)
            }
        }
    }
}

impl From<TooManyRequests> for Problem {
    fn from(TooManyRequests: TooManyRequests) -> Self {
        Self::too_many_requests()
    }
}

impl From<TenantMismatch> for Problem {
    fn from(TenantMismatch: TenantMismatch) -> Self {
        Self::other_tenant()
    }
}

impl From<InputError> for Problem {
    fn from(error: InputError) -> Self {
        match error {
            InputError::NotJson { .. } => not_json(error.to_string()),
            InputError::Invalid(errors) => invalid(errors.into_iter().collect()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = error.code();
        match &error {
            StoreError::IdConflict { .. } => {
                Self::new(StatusCode::CONFLICT, code, "Id already in use", error.to_string())
            }
            StoreError::NoMatch { .. } => {
                Self::new(StatusCode::NOT_FOUND, code, "Not found", error.to_string())
            }
            StoreError::TooManyRules { .. } => {
                let title = "Too many rules of retention";
                Self::new(StatusCode::CONFLICT, code, title, error.to_string())
            }
            StoreError::Invalid { error, .. } => invalid(vec![error.clone()]),
            StoreError::Rejected { .. } => {
                tracing::warn!(code, error = %error, "the database rejected a record");
                let title = "Record rejected";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, error.to_string())
            }
            StoreError::PositionUnknown { .. } => {
                Self::new(StatusCode::GONE, code, "Unknown position", error.to_string())
            }
            StoreError::Overloaded { .. } => Self::no_connection(),
            StoreError::Unreachable { .. } | StoreError::Busy { .. } => {
                report(&error);
                unavailable(code).retry_after(RETRY_SOON)
            }
            StoreError::NotMigrated { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::PermissionDenied { .. } => {
                report(&error);
                unavailable(code).retry_after(RETRY_LATER)
            }
            _ => {
                report(&error);
                Self::internal(code)
            }
        }
    }
}

impl From<WritesError> for Problem {
    fn from(error: WritesError) -> Self {
        match error {
            WritesError::Store(error) => error.into(),
            WritesError::Writer(error) => error.into(),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let (code, after) = (error.code(), error.retry_after().unwrap_or(RETRY_SOON));
        match error {
            WriteError::Refused { source } => source.into(),
            WriteError::Conflict { .. } => {
                Self::new(StatusCode::CONFLICT, code, "Id already in use", error.to_string())
            }
            WriteError::TooLarge { .. } => {
                let title = "Request too large";
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, title, error.to_string())
            }
            WriteError::Overloaded { .. } => Self::overloaded().retry_after(after),
            WriteError::Unavailable { source, .. } => {
                report(&source);
                // A read-only server may be the standby of a failover, which takes seconds.
                let after = match &*source {
                    StoreError::NotMigrated { .. } | StoreError::PermissionDenied { .. } => {
                        RETRY_LATER
                    }
                    _ => after,
                };
                unavailable(code).retry_after(after)
            }
            _ => {
                tracing::warn!(code, %error, "write not acknowledged");
                unavailable(code).retry_after(after)
            }
        }
    }
}

/// Invalid query parameters: 400.
pub(crate) fn in_query(errors: ValidationErrors) -> Problem {
    let errors: Vec<FieldError> = errors.into_iter().collect();
    let detail = format!("{} invalid; see `errors`", count(&errors, "parameter"));
    Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", "Invalid parameters", detail)
        .with_errors(errors)
}

/// One invalid query parameter: 400.
pub(crate) fn in_parameter(name: &str, error: &ValueError) -> Problem {
    in_query(FieldError::new(name, error).into())
}

impl Problem {
    /// The problem of a batch that the store rejected; pointers start with the index of the record.
    pub(crate) fn of_batch(error: WritesError) -> Self {
        match error {
            WritesError::Store(StoreError::Invalid { index, error }) => {
                invalid(vec![at_index(index, error)])
            }
            other => other.into(),
        }
    }
}

/// The error of a record of a batch: its pointer starts with the index of the record.
pub(crate) fn at_index(index: usize, error: FieldError) -> FieldError {
    FieldError { pointer: format!("/{index}{}", error.pointer), ..error }
}

/// The body or one of its lines is not JSON: 400.
pub(crate) fn not_json(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "not_json", "Body is not valid JSON", detail)
}

/// Invalid fields of one or more records: 422.
pub(crate) fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = format!("{} invalid; see `errors`", count(&errors, "field"));
    let title = "Invalid record";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_record", title, detail)
        .with_errors(errors)
}

fn count(errors: &[FieldError], noun: &str) -> String {
    match errors.len() {
        1 => format!("1 {noun} is"),
        n => format!("{n} {noun}s are"),
    }
}

fn unavailable(code: &'static str) -> Problem {
    let detail = "the database is temporarily unavailable; a write may have been applied: retry it \
                  with the same id or Idempotency-Key";
    let title = "Service unavailable";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail)
}

/// Logs an error with its cause, once, where it is handled.
fn report(error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(code = error.code(), error = %error, cause, "store operation failed");
}
