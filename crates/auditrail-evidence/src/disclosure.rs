//! What is shown of a field.

use crate::commitment::{Commitment, Salt};
use crate::fields::FieldName;

/// What a proof shows of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// The value, `None` for null, with the salt of its commitment.
    Shown {
        /// The text that PostgreSQL prints for the value.
        value: Option<String>,
        /// The salt.
        salt: Salt,
    },
    /// Only the commitment: who made the proof has left the value out.
    Withheld(Commitment),
    /// Only the commitment: the value was erased, says the log. A proof does not distinguish that from a withheld one.
    Erased(Commitment),
}

impl Disclosure {
    /// The commitment to the field.
    #[must_use]
    pub fn commitment(&self, field: FieldName) -> Commitment {
        match self {
            Self::Shown { value, salt } => salt.commitment(field, value.as_deref()),
            Self::Withheld(commitment) | Self::Erased(commitment) => *commitment,
        }
    }
}
