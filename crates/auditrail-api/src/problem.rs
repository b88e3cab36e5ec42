//! Problem details (RFC 9457): the body of every error response.

use serde::{Deserialize, Serialize};

/// What every problem type starts with; the code follows.
pub const PROBLEM_TYPE_PREFIX: &str = "urn:auditrail:problem:";

/// An error (RFC 9457).
// A client reads the fields one by one, because a proxy may send a problem of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub struct ProblemDocument {
    /// Type of the problem: a URN that ends in the code.
    pub r#type: String,
    /// Short, human-readable summary of the problem type.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// Human-readable explanation of this occurrence.
    pub detail: String,
    /// Stable machine-readable code.
    pub code: String,
    /// Request id, as in `X-Request-Id`.
    pub request_id: String,
    /// Every invalid field or parameter.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// An invalid field or parameter.
// The code is a string, because a later service may use codes that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldError {
    /// JSON pointer into the body, or parameter name.
    pub pointer: String,
    /// Stable machine-readable code.
    pub code: String,
    /// Human-readable explanation.
    pub detail: String,
}

impl From<auditrail_core::FieldError> for FieldError {
    fn from(error: auditrail_core::FieldError) -> Self {
        let auditrail_core::FieldError { pointer, code, detail } = error;
        Self { pointer, code: code.as_str().to_owned(), detail }
    }
}
