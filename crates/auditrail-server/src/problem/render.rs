//! Rendering of problem documents.

use std::any::Any;

use auditrail_core::FieldError;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Inner, Problem};

/// The problem document (RFC 9457).
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// Gives every error response a problem document, including those of the router itself.
pub(crate) fn render(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions_mut().remove::<Problem>();
    let Problem(inner) = problem.unwrap_or_else(|| of_status(status));
    let Inner { status: _, code, title, detail, errors, header: _ } = &*inner;
    let document = Document {
        r#type: format!("urn:auditrail:problem:{code}"),
        title,
        status: status.as_u16(),
        detail,
        code,
        request_id,
        errors,
    };
    // Serializing strings and numbers cannot fail; an empty body would still have its status.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let headers = response.headers_mut();
    // These describe the replaced body.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_ENCODING);
    let content_type = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, content_type);
    *response.body_mut() = Body::from(body);
    response
}

/// The problem of an error response of the router itself.
fn of_status(status: StatusCode) -> Problem {
    let title = status.canonical_reason().unwrap_or("Error");
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("no_such_route", "no route matches this path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "the method is not allowed for this path; see the Allow header")
        }
        status if status.is_client_error() => ("bad_request", "the request is malformed"),
        _ => return Problem::internal("internal"),
    };
    Problem::new(status, code, title, detail)
}

/// The response after a panic. The panic message goes to the log only.
pub(crate) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("request handler panicked");
    Problem::internal("internal").into_response()
}

/// An error (RFC 9457).
#[derive(utoipa::ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "it describes what `Document` writes, and a test compares the two")]
pub(crate) struct ProblemSchema {
    /// Type of the problem: a URN that ends in the code.
    r#type: String,
    /// Short, human-readable summary of the problem type.
    title: String,
    /// HTTP status code.
    status: u16,
    /// Human-readable explanation of this occurrence.
    detail: String,
    /// Stable machine-readable code.
    code: String,
    /// Request id, as in `X-Request-Id`.
    request_id: String,
    /// Every invalid field or parameter.
    #[schema(required = false)]
    errors: Vec<FieldErrorSchema>,
}

/// An invalid field or parameter.
#[derive(utoipa::ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "it describes `FieldError` of the core")]
struct FieldErrorSchema {
    /// JSON pointer into the body, or parameter name.
    pointer: String,
    /// Stable machine-readable code.
    code: String,
    /// Human-readable explanation.
    detail: String,
}
