//! Parsing of responses.

use std::time::Duration;

use auditrail_api::{BatchResponse, FieldError};
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header;
use hyper::http::response::Parts;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ClientError, Problem};

/// Maximum characters of an unknown response that an error repeats.
const EXCERPT_CHARS: usize = 200;

/// A successful response.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl ApiResponse {
    /// Parses the body.
    pub(super) fn json<T: DeserializeOwned>(
        &self,
        redact: impl Fn(&mut String),
    ) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let mut detail = format!("{error}; the body starts with: {}", excerpt(&self.body));
            redact(&mut detail);
            ClientError::UnexpectedResponse { detail, request_id: request_id(&self.headers) }
        })
    }
}

/// Checks that a response accounts for every record of a batch of that size. Otherwise no record counts
/// as acknowledged.
pub(crate) fn validated(
    response: BatchResponse,
    size: usize,
) -> Result<BatchResponse, ClientError> {
    let mut indices: Vec<usize> = response.errors.iter().map(|error| error.index).collect();
    indices.sort_unstable();
    indices.dedup();
    let total = response
        .created
        .checked_add(response.duplicates)
        .and_then(|sum| sum.checked_add(response.rejected));
    let adds_up = total.and_then(|total| usize::try_from(total).ok()) == Some(size)
        && indices.len() == response.errors.len()
        && u64::try_from(indices.len()) == Ok(response.rejected)
        && indices.last().is_none_or(|last| *last < size);
    if adds_up {
        return Ok(response);
    }
    let detail = "the counts do not add up to the size of the batch".to_owned();
    Err(ClientError::UnexpectedResponse { detail, request_id: None })
}

/// Parses an error response: a problem document (RFC 9457), else a code made of the status.
pub(super) fn problem(
    head: &Parts,
    body: &[u8],
    now: Timestamp,
    redact: impl Fn(&mut String),
) -> Problem {
    // A proxy may respond in its own format; the body is then quoted below.
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let text_of = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = head.status.as_u16();
    let mut detail = text_of("detail").unwrap_or_else(|| match excerpt(body) {
        text if text.is_empty() => "the response has no body".to_owned(),
        text => text,
    });
    redact(&mut detail);
    let errors = document.get("errors").cloned().unwrap_or_default();
    let mut errors: Vec<FieldError> = serde_json::from_value(errors).unwrap_or_default();
    errors.iter_mut().for_each(|error| redact(&mut error.detail));
    let code = text_of("code");
    if code.is_none() && matches!(status, 404 | 405) {
        detail = format!("the server has no such route, so the URL may be wrong: {detail}");
    }
    let mut code = code.unwrap_or_else(|| format!("http_{status}"));
    redact(&mut code);
    Problem {
        status,
        code,
        detail,
        errors,
        request_id: request_id(&head.headers).or_else(|| text_of("request_id")),
        retry_after: retry_after(&head.headers, now),
    }
}

pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-request-id")?.to_str().ok().map(str::to_owned)
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(EXCERPT_CHARS * 4)])
        .chars()
        .take(EXCERPT_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use auditrail_api::BatchError;
    use hyper::Response;

    use super::*;

    fn read(status: u16, retry_after: &str, body: &str) -> Problem {
        let (head, ()) = Response::builder()
            .status(status)
            .header("retry-after", retry_after)
            .body(())
            .unwrap()
            .into_parts();
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        problem(&head, body.as_bytes(), now, |text| *text = text.replace("secret", "[key]"))
    }

    #[test]
    fn problem_documents_are_parsed() {
        let body = r#"{"code":"invalid","detail":"wrong","request_id":"r1",
            "errors":[{"pointer":"/action","code":"from_a_later_version","detail":"is wrong"}]}"#;
        let problem = read(422, "7", body);
        assert_eq!(problem.to_string(), "invalid (422): wrong: /action is wrong");
        assert_eq!(problem.errors[0].code, "from_a_later_version");
        assert_eq!(problem.request_id.as_deref(), Some("r1"));
        assert_eq!(problem.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn responses_of_proxies_are_quoted_without_the_key() {
        let problem = read(502, "Sun, 06 Nov 1994 08:49:37 GMT", "<html>you sent secret");
        assert_eq!((&*problem.code, &*problem.detail), ("http_502", "<html>you sent [key]"));
        assert_eq!(problem.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(read(502, "soon", "").retry_after, None);
        assert_eq!(
            read(502, "Sun, 06 Nov 1994 08:00:00 GMT", "").retry_after,
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn inconsistent_batch_responses_are_rejected() {
        let check = |created, rejected, indices: &[usize]| {
            let errors = indices.iter().map(|index| BatchError {
                index: *index,
                code: String::new(),
                detail: String::new(),
            });
            let errors = errors.collect();
            let response =
                BatchResponse { created, duplicates: 1, rejected, errors, records: None };
            validated(response, 4)
        };
        assert!(check(1, 2, &[3, 0]).is_ok());
        assert!(check(2, 2, &[3, 0]).is_err(), "more records than in the batch");
        assert!(check(1, 2, &[3, 3]).is_err(), "an index twice");
        assert!(check(1, 2, &[4, 0]).is_err(), "an index out of range");
        assert!(check(1, 2, &[0]).is_err(), "a rejected record without an error");
        assert!(check(u64::MAX, 2, &[0, 1]).is_err(), "a sum that overflows");
    }
}
