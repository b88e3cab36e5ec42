//! Validation errors: of a value, a field or a whole input.

mod code;
mod value;

use std::fmt;

use serde::Serialize;

pub use code::ErrorCode;
pub use value::ValueError;

/// An error's message with those of its sources. A source is left out if the text contains its message.
#[doc(hidden)]
#[must_use]
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = error.source();
    }
    text
}

/// Writes [`with_sources`], for the `Debug` of errors: `fn main() -> Result<(), Box<dyn Error>>` prints that.
///
/// # Errors
/// Those of the formatter.
#[doc(hidden)]
pub fn write_messages(error: &dyn std::error::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&with_sources(error))
}

/// Implements `Debug` for error types as [`write_messages`].
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_messages {
    ($($error:ty),+ $(,)?) => {$(
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::write_messages(self, f)
            }
        }
    )+};
}

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
#[derive(Clone, PartialEq, Eq, Serialize)]
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

crate::debug_as_messages!(ValueError, ValidationErrors, InputError);

/// Why untrusted bytes are not a valid input.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
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
