//! Rendering of problem documents.

use std::any::Any;

use auditrail_api::{PROBLEM_TYPE_PREFIX, ProblemDocument};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Inner, Problem};

/// Gives every error response a problem document, including those of the router itself.
pub(crate) fn render(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions_mut().remove::<Problem>();
    let Problem(inner) = problem.unwrap_or_else(|| of_status(status));
    let Inner { status: _, code, title, detail, errors, refused: _, header: _ } = *inner;
    let document = ProblemDocument {
        r#type: format!("{PROBLEM_TYPE_PREFIX}{code}"),
        title: title.to_owned(),
        status: status.as_u16(),
        detail: detail.into_owned(),
        code: code.into_owned(),
        request_id: request_id.to_owned(),
        errors: errors.into_iter().map(Into::into).collect(),
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
        StatusCode::NOT_FOUND => {
            let detail = "no route matches this path; the routes start with /v1/";
            return Problem::new(status, "no_such_route", title, detail).with_docs_hint();
        }
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
