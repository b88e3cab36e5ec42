//! The stable codes of errors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stable machine-readable code of an error. Clients match on it; the wording of details may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// A required field is absent or null.
    Required,
    /// The value has another JSON type than the field.
    WrongType,
    /// The text is empty.
    Empty,
    /// The text has more characters than the limit.
    TooLong,
    /// The text contains a control character, such as NUL.
    ControlCharacter,
    /// The value is not one of a closed list.
    UnknownValue,
    /// There is no field or parameter of this name.
    UnknownField,
    /// The field or parameter is given more than once, or a key of an object in metadata.
    DuplicateField,
    /// Two parameters exclude each other.
    Conflict,
    /// The text does not have the format of the field.
    BadFormat,
    /// A system actor has an id other than `system`.
    SystemActorId,
    /// Metadata has too many levels of nesting.
    TooDeep,
    /// Metadata is too large.
    TooLarge,
    /// A number in metadata has too many digits when written out.
    NumberOutOfRange,
    /// Text in metadata cannot be stored: it contains NUL or a lone surrogate.
    UnstorableText,
    /// The time is too far in the future.
    InFuture,
    /// The value is outside the allowed range.
    OutOfRange,
    /// The start of a time range is not before its end.
    EmptyRange,
    /// There are more items than allowed.
    TooMany,
    /// The cursor was not made by this server for these filters.
    InvalidCursor,
    /// A record with this id and other content is already stored.
    IdConflict,
    /// The action is recorded by the service itself, so a caller cannot record it.
    ReservedAction,
    /// A rule of the database, beyond those of the interface, rejected the record.
    RejectedByDatabase,
}

impl ErrorCode {
    /// The code as it appears in responses, in `snake_case`.
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
            Self::ReservedAction => "reserved_action",
            Self::RejectedByDatabase => "rejected_by_database",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
