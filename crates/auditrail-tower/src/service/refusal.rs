//! The response to a request whose intent could not be recorded.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::Body;
use serde::Serialize;

use crate::body::ResponseBody;
use crate::capture::observe::request_id;

/// The value of `Retry-After`.
const RETRY_AFTER_SECONDS: u16 = 1;
const DETAIL: &str =
    "this request must be recorded before it is handled, and recording failed; nothing was changed";
/// gRPC's code for errors that may be retried.
const GRPC_UNAVAILABLE: u16 = 14;

/// A problem (RFC 9457), in the format of the service.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    request_id: &'a str,
}

/// A gRPC status for a gRPC call, otherwise a problem.
pub(super) fn refusal<R>(id: Option<&HeaderValue>, grpc: bool) -> Response<ResponseBody<R>>
where
    R: Body,
    R::Data: From<Bytes>,
{
    let mut response = if grpc { for_grpc() } else { problem(id) };
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    if let Some(id) = id {
        headers.insert(request_id::HEADER, id.clone());
    }
    response
}

fn problem<R>(id: Option<&HeaderValue>) -> Response<ResponseBody<R>>
where
    R: Body,
    R::Data: From<Bytes>,
{
    let problem = Problem {
        kind: "urn:auditrail:problem:audit_unavailable",
        title: "Not available at the moment",
        status: 503,
        detail: DETAIL,
        code: "audit_unavailable",
        request_id: id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(ResponseBody::generated(body.into()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A response of trailers only, which gRPC sends as headers.
fn for_grpc<R>() -> Response<ResponseBody<R>>
where
    R: Body,
    R::Data: From<Bytes>,
{
    let mut response = Response::new(ResponseBody::generated(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", GRPC_UNAVAILABLE.into());
    headers.insert("grpc-message", HeaderValue::from_static(DETAIL));
    response
}
