//! Reading answers.

use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header;
use hyper::http::response::Parts;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ClientError, Problem, WrongField};

/// Most characters of an answer in a form of its own that an error repeats.
const SHOWN: usize = 200;

/// An answer that is a success.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// Reads the body.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        hide: impl Fn(&mut String),
    ) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let mut detail = format!("{error}; it begins with: {}", shown(&self.body));
            hide(&mut detail);
            ClientError::BadAnswer { detail, request_id: request_id(&self.headers) }
        })
    }
}

/// What became of a batch, as the service answers it.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchAnswer {
    pub(crate) created: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
    pub(crate) errors: Vec<BatchError>,
}

/// Why a record of a batch could not be written.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchError {
    pub(crate) index: usize,
    pub(crate) code: String,
    pub(crate) detail: String,
}

impl BatchAnswer {
    /// Whether it accounts for every record of a batch of that size. One that does not acknowledges
    /// nothing.
    pub(crate) fn checked(self, size: usize) -> Result<Self, ClientError> {
        let mut places: Vec<usize> = self.errors.iter().map(|error| error.index).collect();
        places.sort_unstable();
        places.dedup();
        let total = [self.duplicates, self.rejected]
            .iter()
            .try_fold(self.created, |sum, count| sum.checked_add(*count));
        let adds_up = total.and_then(|total| usize::try_from(total).ok()) == Some(size)
            && places.len() == self.errors.len()
            && u64::try_from(places.len()) == Ok(self.rejected)
            && places.last().is_none_or(|last| *last < size);
        if adds_up {
            return Ok(self);
        }
        let detail = "it does not account for every record of the batch".to_owned();
        Err(ClientError::BadAnswer { detail, request_id: None })
    }
}

/// Reads a problem document; whatever else answers with an error gets a code made of its status.
pub(super) fn problem(
    head: &Parts,
    body: &[u8],
    now: Timestamp,
    hide: impl Fn(&mut String),
) -> Problem {
    // A proxy in between answers in its own words; they are shown below.
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = head.status.as_u16();
    let mut detail = word("detail").unwrap_or_else(|| match shown(body) {
        text if text.is_empty() => "no reason was given".to_owned(),
        text => text,
    });
    hide(&mut detail);
    let errors = document.get("errors").cloned().unwrap_or_default();
    let mut errors: Vec<WrongField> = serde_json::from_value(errors).unwrap_or_default();
    errors.iter_mut().for_each(|error| hide(&mut error.detail));
    let mut code = word("code").unwrap_or_else(|| format!("http_{status}"));
    hide(&mut code);
    Problem {
        status,
        code,
        detail,
        errors,
        request_id: request_id(&head.headers).or_else(|| word("request_id")),
        retry_after: retry_after(&head.headers, now),
    }
}

/// The id of the request.
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

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(SHOWN * 4)]).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use hyper::Response;

    use super::*;

    fn read(status: u16, retry_after: &str, body: &str) -> Problem {
        let response = Response::builder().status(status).header("retry-after", retry_after);
        let (head, ()) = response.body(()).unwrap().into_parts();
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        problem(&head, body.as_bytes(), now, |text| *text = text.replace("secret", "[key]"))
    }

    #[test]
    fn a_problem_document_is_read_whole() {
        let body = r#"{"code":"invalid","detail":"wrong","request_id":"r1",
            "errors":[{"pointer":"/action","code":"from_a_later_version","detail":"is wrong"}]}"#;
        let problem = read(422, "7", body);
        assert_eq!(problem.to_string(), "invalid (422): wrong: /action is wrong");
        assert_eq!(problem.errors[0].code, "from_a_later_version");
        assert_eq!(problem.request_id.as_deref(), Some("r1"));
        assert_eq!(problem.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn what_a_proxy_answers_is_shown_without_the_key() {
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
    fn an_answer_that_leaves_a_record_out_acknowledges_nothing() {
        let answer = |created, rejected, places: &[usize]| BatchAnswer {
            created,
            duplicates: 1,
            rejected,
            errors: places
                .iter()
                .map(|index| BatchError {
                    index: *index,
                    code: String::new(),
                    detail: String::new(),
                })
                .collect(),
        };
        assert!(answer(1, 2, &[3, 0]).checked(4).is_ok());
        assert!(answer(2, 2, &[3, 0]).checked(4).is_err(), "more than there were");
        assert!(answer(1, 2, &[3, 3]).checked(4).is_err(), "one record twice");
        assert!(answer(1, 2, &[4, 0]).checked(4).is_err(), "a record that was not there");
        assert!(answer(1, 2, &[0]).checked(4).is_err(), "one without a reason");
        assert!(answer(u64::MAX, 2, &[0, 1]).checked(2).is_err(), "a sum that overflows");
    }
}
