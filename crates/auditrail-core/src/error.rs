//! Validation errors: of a value, a field or a whole input.

mod code;
mod value;

use std::fmt;

use serde::Serialize;

pub use code::ErrorCode;
pub use value::ValueError;

/// An invalid field of an input, or an invalid parameter of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// For a JSON body a JSON pointer such as `/actor_id` (RFC 6901), empty for the whole body; for a
    /// query the name of the parameter.
    pub pointer: String,
    /// Stable code to match on.
    pub code: ErrorCode,
    /// A description for people. Never contains the value, which may be personal data.
    pub detail: String,
}

impl FieldError {
    /// The error of a value at a pointer.
    #[must_use]
    pub fn new(pointer: impl Into<String>, error: &ValueError) -> Self {
        Self { pointer: pointer.into(), code: error.code(), detail: error.to_string() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.pointer.is_empty() { "the record" } else { &self.pointer };
        write!(f, "{name}: {}", self.detail)
    }
}

/// Every invalid field of an input, in the order of the columns; never empty.
///
/// At most [`REPORTED_ERRORS_MAX`](crate::limits::REPORTED_ERRORS_MAX) are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ValidationErrors(Vec<FieldError>);

impl ValidationErrors {
    /// Wraps a list of errors; `None` when it is empty.
    #[must_use]
    pub fn new(mut errors: Vec<FieldError>) -> Option<Self> {
        errors.truncate(crate::limits::REPORTED_ERRORS_MAX);
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The errors, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[FieldError] {
        &self.0
    }
}

impl From<FieldError> for ValidationErrors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

impl IntoIterator for ValidationErrors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ValidationErrors {}

/// Why untrusted bytes are not a valid input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The bytes are not JSON. Over HTTP this is a 400.
    #[error("not JSON at line {line}, column {column}: {detail}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes from 1; 0 for the end of the line before.
        column: usize,
        /// A description for people.
        detail: String,
    },
    /// The bytes are JSON, but fields are invalid. Over HTTP this is a 422.
    #[error(transparent)]
    Invalid(#[from] ValidationErrors),
}
