//! Request ids: the caller's if it is well-formed, otherwise a new one; on every response.

use auditrail_core::limits::REQUEST_ID_MAX_CHARS;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use crate::{clock, problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the current request.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The outermost layer: assigns the request id, and renders errors, which contain it.
pub(super) async fn layer(
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let id = RequestId(well_formed(request.headers()).unwrap_or_else(generate));
    request.extensions_mut().insert(id.clone());
    let mut response = problem::render(next(request).await, id.as_str());
    response.headers_mut().insert(X_REQUEST_ID, id.0);
    response
}

/// The caller's id, if it is one word of printable ASCII within the limit of the column.
fn well_formed(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let is_printable = id.as_bytes().iter().all(u8::is_ascii_graphic);
    ((1..=REQUEST_ID_MAX_CHARS).contains(&id.len()) && is_printable).then(|| id.clone())
}

fn generate() -> HeaderValue {
    HeaderValue::from_str(&clock::request_id()).unwrap_or(HeaderValue::from_static("unknown"))
}
