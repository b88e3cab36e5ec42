//! The responses to requests that the layer rejects.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::Body;
use serde::Serialize;

use crate::body::ResponseBody;
use crate::capture::observe::request_id;

/// The value of `Retry-After`.
const RETRY_AFTER_SECONDS: u16 = 1;

/// Why a request is rejected before it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its intent could not be recorded.
    Unavailable,
    /// Its path has several readings, which the policy refuses.
    AmbiguousPath,
    /// Its target is unknown, and the rule requires it.
    UnknownTarget,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Unavailable => 503,
            Self::AmbiguousPath => 400,
            Self::UnknownTarget => 422,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "audit_unavailable",
            Self::AmbiguousPath => "ambiguous_path",
            Self::UnknownTarget => "audit_target_unknown",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Unavailable => "Not available at the moment",
            Self::AmbiguousPath => "Ambiguous path",
            Self::UnknownTarget => "Unknown target",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Unavailable => {
                "this request must be recorded before it is handled, and recording failed; nothing was changed"
            }
            Self::AmbiguousPath => {
                "servers may read this path in different ways; send it without dot segments, encoded or repeated slashes, \
                 backslashes and parameters"
            }
            Self::UnknownTarget => {
                "this request must be recorded with its target, which it does not name in a form that can be read; \
                 nothing was changed"
            }
        }
    }

    /// The status of gRPC: unavailable, which may be retried, or invalid argument.
    const fn grpc_code(self) -> u16 {
        match self {
            Self::Unavailable => 14,
            Self::AmbiguousPath | Self::UnknownTarget => 3,
        }
    }
}

/// A problem (RFC 9457), in the format of the service.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    request_id: &'a str,
}

/// A gRPC status for a gRPC call, otherwise a problem.
pub(super) fn response<R>(
    refusal: Refusal,
    id: Option<&HeaderValue>,
    grpc: bool,
) -> Response<ResponseBody<R>>
where
    R: Body,
    R::Data: From<Bytes>,
{
    let mut response = if grpc { for_grpc(refusal) } else { problem(refusal, id) };
    let headers = response.headers_mut();
    if refusal == Refusal::Unavailable {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    if let Some(id) = id {
        headers.insert(request_id::HEADER, id.clone());
    }
    response
}

fn problem<R>(refusal: Refusal, id: Option<&HeaderValue>) -> Response<ResponseBody<R>>
where
    R: Body,
    R::Data: From<Bytes>,
{
    let problem = Problem {
        kind: format!("urn:auditrail:problem:{}", refusal.code()),
        title: refusal.title(),
        status: refusal.status(),
        detail: refusal.detail(),
        code: refusal.code(),
        request_id: id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(ResponseBody::generated(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A response of trailers only, which gRPC sends as headers.
fn for_grpc<R>(refusal: Refusal) -> Response<ResponseBody<R>>
where
    R: Body,
    R::Data: From<Bytes>,
{
    let mut response = Response::new(ResponseBody::generated(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", refusal.grpc_code().into());
    headers.insert("grpc-message", HeaderValue::from_static(refusal.detail()));
    response
}
