//! The error of a single value.

use super::code::ErrorCode;

/// Why a value is invalid, without its field.
///
/// The text completes "this value …", so callers put the name of the field in front.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// Shorten the text.
    #[error("has {chars} characters, at most {max} are allowed")]
    TooLong {
        /// Characters of the text.
        chars: usize,
        /// Characters allowed.
        max: usize,
    },
    /// Remove or escape the character.
    #[error("holds the control character U+{code:04X} at character {at}")]
    ControlCharacter {
        /// Unicode code point of the first one.
        code: u32,
        /// Its position, in characters from 1.
        at: usize,
    },
    /// Use one of the listed values.
    #[error("must be one of {expected}")]
    UnknownValue {
        /// The allowed values, as prose.
        expected: &'static str,
    },
    /// Use the expected format.
    #[error("must be {expected}")]
    BadFormat {
        /// The format, as prose with an example.
        expected: &'static str,
    },
    /// Send another JSON type.
    #[error("must be {expected}, not {found}")]
    WrongType {
        /// The JSON type of the field, with its article.
        expected: &'static str,
        /// The JSON type of the value, with its article.
        found: &'static str,
    },
    /// Use the id `system`, or another actor type.
    #[error("must be \"system\" when the actor type is system")]
    SystemActorId,
    /// Flatten the metadata.
    #[error("nests more than {max} levels")]
    TooDeep {
        /// Levels allowed.
        max: usize,
    },
    /// Shrink the metadata.
    #[error("takes {bytes} bytes with its numbers written out, at most {max} are allowed")]
    TooLarge {
        /// Bytes of the metadata.
        bytes: u64,
        /// Bytes allowed.
        max: usize,
    },
    /// Send the number as a string.
    #[error(
        "holds a number at byte {at} with more than {max} digits when written out; send it as a string"
    )]
    NumberOutOfRange {
        /// Where the number starts, in bytes from 0.
        at: usize,
        /// Digits allowed.
        max: u64,
    },
    /// Remove the escape.
    #[error("holds \\u0000 at byte {at}, which PostgreSQL cannot store")]
    NulEscape {
        /// Where the escape starts, in bytes from 0.
        at: usize,
    },
    /// Fix the encoder that split a character.
    #[error("holds half of a surrogate pair at byte {at}, which is not a character")]
    LoneSurrogate {
        /// Where the escape starts, in bytes from 0.
        at: usize,
    },
    /// Rename or remove one of the keys: JSON does not say which of them counts.
    #[error("gives the key at byte {at} twice in one object")]
    RepeatedKey {
        /// Where a repetition starts, in bytes from 0.
        at: usize,
    },
    /// Correct the clock of the sender, or the time.
    #[error("is more than {max_ahead_seconds} seconds in the future")]
    InFuture {
        /// Seconds allowed.
        max_ahead_seconds: i64,
    },
    /// Use a value in the range.
    #[error("must be {range}")]
    OutOfRange {
        /// The range, as prose.
        range: &'static str,
    },
}

impl ValueError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Empty => ErrorCode::Empty,
            Self::TooLong { .. } => ErrorCode::TooLong,
            Self::ControlCharacter { .. } => ErrorCode::ControlCharacter,
            Self::UnknownValue { .. } => ErrorCode::UnknownValue,
            Self::BadFormat { .. } => ErrorCode::BadFormat,
            Self::WrongType { .. } => ErrorCode::WrongType,
            Self::SystemActorId => ErrorCode::SystemActorId,
            Self::TooDeep { .. } => ErrorCode::TooDeep,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::NumberOutOfRange { .. } => ErrorCode::NumberOutOfRange,
            Self::NulEscape { .. } | Self::LoneSurrogate { .. } => ErrorCode::UnstorableText,
            Self::RepeatedKey { .. } => ErrorCode::DuplicateField,
            Self::InFuture { .. } => ErrorCode::InFuture,
            Self::OutOfRange { .. } => ErrorCode::OutOfRange,
        }
    }
}
