//! The parameter, the result and the errors of the statement, for all drivers.

use std::error::Error;

use auditrail_core::{CreateInput, Record};

use crate::RecordInError;

/// SQLSTATE `unique_violation`.
pub(crate) const ID_IS_TAKEN: &str = "23505";
/// SQLSTATE `invalid_parameter_value`.
pub(crate) const REFUSED: &str = "22023";

/// Serializes the parameter.
pub(crate) fn parameter<E: Error + 'static>(
    input: &CreateInput,
) -> Result<String, RecordInError<E>> {
    serde_json::to_string(input).map_err(RecordInError::Unreadable)
}

/// Parses the record in the result.
pub(crate) fn record<E: Error + 'static>(text: &str) -> Result<Record, RecordInError<E>> {
    serde_json::from_str(text).map_err(RecordInError::Unreadable)
}

/// Classifies an error of the driver by its SQLSTATE, if it is an error of the server.
pub(crate) fn error<E: Error + 'static>(source: E, sqlstate: Option<&str>) -> RecordInError<E> {
    match sqlstate {
        Some(ID_IS_TAKEN) => RecordInError::IdConflict(source),
        Some(REFUSED) => RecordInError::Refused(source),
        _ => RecordInError::Database(source),
    }
}
