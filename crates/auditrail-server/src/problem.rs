//! Problem details (RFC 9457): the form of every error response.

mod mapping;
mod render;

use std::borrow::Cow;
use std::time::Duration;

use auditrail_core::{FieldError, Scope};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::refusals::Refusals;

pub(crate) use mapping::{at_index, in_parameter, in_query, invalid, not_json};
pub(crate) use render::{panicked, render};

/// An error response.
///
/// The response has an empty body and the problem in its extensions until [`render`] writes the document,
/// which contains the request id.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    title: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// The codes of the refused records of a batch, one for each.
    refused: Vec<&'static str>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// Where a browser finds the API description.
const DOCS_HINT: &str = "the admin listener (http://127.0.0.1:9090 by default) serves /docs and /openapi.json \
     without an API key";

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self(Box::new(Inner {
            status,
            code,
            title,
            detail,
            errors: Vec::new(),
            refused: Vec::new(),
            header: None,
        }))
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Adds the invalid fields.
    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds to the detail where the API description needs no API key.
    pub(crate) fn with_docs_hint(mut self) -> Self {
        let detail = &self.0.detail;
        self.0.detail = format!("{detail}; {DOCS_HINT}").into();
        self
    }

    /// Adds the codes of the refused records of a batch, of which `errors` lists only the first ones.
    pub(crate) fn with_refused(mut self, codes: Vec<&'static str>) -> Self {
        self.0.refused = codes;
        self
    }

    /// The codes of the records that this response refuses, one for each, if it responds to a write.
    pub(crate) fn refused_records(&self) -> Vec<&str> {
        let Inner { refused, errors, code, .. } = &*self.0;
        match errors.first() {
            _ if !refused.is_empty() => refused.clone(),
            Some(error) => vec![error.code.as_str()],
            None if Refusals::is_code(code) => vec![code],
            None => Vec::new(),
        }
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// The stable machine-readable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Adds a `Retry-After` header.
    pub(crate) fn retry_after(self, after: Duration) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)))
    }

    /// The request has no API key, or a malformed `Authorization` header.
    pub(crate) fn no_key() -> Self {
        let detail = "send the API key in a single header `Authorization: Bearer <key>`";
        Self::new(StatusCode::UNAUTHORIZED, "no_key", "API key required", detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The API key lacks the scope.
    pub(crate) fn wrong_scope(scope: Scope) -> Self {
        let detail = format!("this operation requires an API key with the scope `{scope}`");
        Self::new(StatusCode::FORBIDDEN, "wrong_scope", "Insufficient scope", detail)
    }

    /// The API key is restricted to a tenant, and the request concerns another.
    pub(crate) fn other_tenant() -> Self {
        let detail = "this API key is restricted to another tenant";
        Self::new(StatusCode::FORBIDDEN, "other_tenant", "Tenant not allowed", detail)
    }

    /// The record does not exist, or the caller may not see it.
    pub(crate) fn no_record() -> Self {
        let detail = "no record has this id";
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    /// The query string is not UTF-8.
    pub(crate) fn bad_query() -> Self {
        let detail = "the query string must be percent-encoded UTF-8";
        Self::new(StatusCode::BAD_REQUEST, "bad_query", "Malformed query string", detail)
    }

    /// A request header is malformed.
    pub(crate) fn bad_header(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_header", "Malformed header", detail)
    }

    /// The request body was truncated.
    pub(crate) fn broken_body() -> Self {
        let detail = "the request body was truncated";
        Self::new(StatusCode::BAD_REQUEST, "broken_body", "Truncated request body", detail)
    }

    /// The request body did not arrive in time.
    pub(crate) fn slow_body() -> Self {
        let detail = "the request body did not arrive in time; send smaller requests";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "Request body timed out", detail)
    }

    /// The request body is too large.
    pub(crate) fn large_body(max: usize) -> Self {
        let detail = format!("the request body must not exceed {max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "Request body too large", detail)
    }

    /// The batch has too many records.
    pub(crate) fn large_batch(max: usize) -> Self {
        let detail = format!("a batch must not exceed {max} records");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", "Batch too large", detail)
    }

    /// The service is at its capacity. Nothing was written.
    pub(crate) fn overloaded() -> Self {
        let detail = "the service is at its write capacity; nothing was written; retry";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Service overloaded", detail)
            .retry_after(crate::limits::RETRY_SOON)
    }

    /// Too many large responses are in memory, because their clients read slowly.
    pub(crate) fn large_answers() -> Self {
        let detail = "too many large responses are being sent; retry, or request smaller ones";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Service overloaded", detail)
            .retry_after(crate::limits::RETRY_SOON)
    }

    /// No database connection was free in time.
    pub(crate) fn no_connection() -> Self {
        let detail = "no database connection is free for this operation; retry, a write with the same id \
                      or Idempotency-Key";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Service overloaded", detail)
            .retry_after(crate::limits::RETRY_SOON)
    }

    /// The requests of the caller's tenant, or of its key, use too many connections. Nothing was written.
    pub(crate) fn too_many_requests() -> Self {
        let detail =
            "too many requests of this tenant or key are in flight; nothing was written; retry";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Service overloaded", detail)
            .retry_after(crate::limits::RETRY_SOON)
    }

    /// The media type of the body is not supported.
    pub(crate) fn media_type(detail: &'static str) -> Self {
        let title = "Unsupported media type";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title, detail)
    }

    /// The request timed out. A write may have been applied.
    pub(crate) fn timed_out() -> Self {
        let detail = "the request timed out; a write may have been applied: retry it with the same \
                      id or Idempotency-Key";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "Request timed out", detail)
            .retry_after(crate::limits::RETRY_SOON)
    }

    /// An unexpected failure. The response does not reveal its cause.
    pub(crate) fn internal(code: impl Into<Cow<'static, str>>) -> Self {
        let detail = "an internal error occurred; the server log has details under this request_id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, "Internal error", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        if let Some((name, value)) = self.0.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}
