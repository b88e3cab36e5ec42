//! Why something was refused: one value, one field, or a whole input.

mod value;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use value::ValueError;

/// Stable machine name of a problem. Clients match on these; the wording of details may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// A required field is absent or null.
    Required,
    /// The JSON type is not the one the field has.
    WrongType,
    /// The text is empty.
    Empty,
    /// The text has more characters than the limit.
    TooLong,
    /// The text holds a NUL or another control character.
    ControlCharacter,
    /// The value is not one of a closed list.
    UnknownValue,
    /// There is no field or parameter of this name.
    UnknownField,
    /// The field or parameter is given more than once.
    DuplicateField,
    /// Two parameters exclude each other.
    Conflict,
    /// The text does not have the form the field needs.
    BadFormat,
    /// A system actor has an id other than `system`.
    SystemActorId,
    /// Metadata nests too many levels.
    TooDeep,
    /// Metadata is too large.
    TooLarge,
    /// A number in metadata has too many digits when written out.
    NumberOutOfRange,
    /// Text in metadata cannot be stored: it holds NUL or half of a surrogate pair.
    UnstorableText,
    /// The time is too far in the future.
    InFuture,
    /// The value is outside the range that can be kept.
    OutOfRange,
    /// The start of a time range is not before its end.
    EmptyRange,
    /// There are too many of these.
    TooMany,
    /// The cursor was not made by this server for these filters.
    InvalidCursor,
    /// A record with this id and other content is already there.
    IdConflict,
    /// A rule of the database, beyond those of the interface, refused the record.
    RejectedByDatabase,
}

impl ErrorCode {
    /// The code as it appears in answers, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::WrongType => "wrong_type",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::UnknownValue => "unknown_value",
            Self::UnknownField => "unknown_field",
            Self::DuplicateField => "duplicate_field",
            Self::Conflict => "conflict",
            Self::BadFormat => "bad_format",
            Self::SystemActorId => "system_actor_id",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::UnstorableText => "unstorable_text",
            Self::InFuture => "in_future",
            Self::OutOfRange => "out_of_range",
            Self::EmptyRange => "empty_range",
            Self::TooMany => "too_many",
            Self::InvalidCursor => "invalid_cursor",
            Self::IdConflict => "id_conflict",
            Self::RejectedByDatabase => "rejected_by_database",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One wrong field of an input, or one wrong parameter of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// For a JSON body a JSON pointer such as `/actor_id` (RFC 6901), empty for the whole body;
    /// for a query the bare name of the parameter.
    pub pointer: String,
    /// Stable code to match on.
    pub code: ErrorCode,
    /// What is wrong, for people. Never repeats the value, which may be personal.
    pub detail: String,
}

impl FieldError {
    /// The error of a value at a place.
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

/// Every wrong field of one input, in the order of the columns; never empty.
///
/// At most [`REPORTED_ERRORS_MAX`](crate::limits::REPORTED_ERRORS_MAX) are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ValidationErrors(Vec<FieldError>);

impl ValidationErrors {
    /// Takes a list that must hold something; with nothing wrong there is nothing to build.
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

/// Why bytes from a stranger are not a record that can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The bytes are not JSON at all. Over HTTP this is a 400.
    #[error("not JSON at line {line}, column {column}: {detail}")]
    NotJson {
        /// Line of the problem, from 1.
        line: usize,
        /// Column of the problem, in bytes from 1; 0 when it is the end of the line before.
        column: usize,
        /// What was wrong there.
        detail: String,
    },
    /// The bytes are JSON, but fields are wrong. Over HTTP this is a 422.
    #[error(transparent)]
    Invalid(#[from] ValidationErrors),
}
