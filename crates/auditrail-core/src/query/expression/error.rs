//! What is wrong with an expression, and where.

use std::fmt;

use crate::error::{ErrorCode, FieldError, ValueError};

/// A mistake in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Where it is, in characters from 1.
    pub position: usize,
    /// Stable code to match on.
    pub code: ErrorCode,
    /// A description for people, which says what would be right. Never contains the text.
    pub detail: String,
}

impl ExpressionError {
    pub(super) fn new(position: usize, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { position, code, detail: detail.into() }
    }

    pub(super) fn of_value(position: usize, error: &ValueError) -> Self {
        Self::new(position, error.code(), error.to_string())
    }

    /// As the error of a parameter: the pointer is the name, a colon and the position.
    pub(in crate::query) fn in_parameter(self, name: &str) -> FieldError {
        let Self { position, code, detail } = self;
        FieldError { pointer: format!("{name}:{position}"), code, detail }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.position, self.detail)
    }
}

impl std::error::Error for ExpressionError {}
