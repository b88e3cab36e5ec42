//! The id of a request: the caller's when it is sane, else one of ours; on every response.

use auditrail_core::limits::REQUEST_ID_MAX_CHARS;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use crate::{clock, problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that is being answered.
#[derive(Clone, Debug)]
pub(crate) struct Id(pub(crate) HeaderValue);

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The outermost layer: names the request, and writes down what went wrong with it.
pub(crate) async fn layer(
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let id = Id(sane(request.headers()).unwrap_or_else(fresh));
    request.extensions_mut().insert(id.clone());
    let mut response = problem::render(next(request).await, id.as_str());
    response.headers_mut().insert(X_REQUEST_ID, id.0);
    response
}

/// The caller's id, when it is one word of printable ASCII within the limit of the column.
fn sane(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let length = 1..=REQUEST_ID_MAX_CHARS;
    let printable = id.as_bytes().iter().all(u8::is_ascii_graphic);
    (length.contains(&id.len()) && printable).then(|| id.clone())
}

fn fresh() -> HeaderValue {
    HeaderValue::from_str(&clock::request_id()).unwrap_or(HeaderValue::from_static("unknown"))
}
