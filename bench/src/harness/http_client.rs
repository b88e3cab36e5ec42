//! A reader of `auditrail serve`: one connection that is kept open, one request at a time.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use xtask::error::{Error, Result};

/// Longest wait for an answer. An export of ten million records takes minutes.
const PATIENCE: Duration = Duration::from_mins(30);
/// Longest page: a thousand records of the largest kind.
const LONGEST_PAGE: u64 = 128 << 20;
const LIST: &str = "/v1/audit-logs";

/// Who asks, and where.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    to: String,
    authorization: String,
}

/// A page of a search.
#[derive(Debug)]
pub(crate) struct Page {
    /// From before the request was sent until the last byte of the answer was there.
    pub(crate) millis: f64,
    pub(crate) body: Vec<u8>,
}

/// The record a page ends with, and how to get the next page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) records: u64,
    pub(crate) id: String,
    pub(crate) created_at: String,
    /// None on the last page.
    pub(crate) cursor: Option<String>,
}

impl Http {
    pub(crate) fn new(address: &str, key: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
        Self { agent, to: format!("http://{address}"), authorization: format!("Bearer {key}") }
    }

    /// Asks for a page of the list.
    pub(crate) fn list(&self, parameters: &str) -> Result<Page> {
        self.timed(&format!("{LIST}?{parameters}"))
    }

    /// Reads everything of a path and drops it: its bytes.
    pub(crate) fn drain(&self, path: &str) -> Result<u64> {
        let mut reader = well(self.get(path)?)?.into_body().into_reader();
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(Error::doing("read an export"))
    }

    /// Asks for something that is not there: the milliseconds until that is said.
    pub(crate) fn miss(&self, path: &str) -> Result<f64> {
        let began = Instant::now();
        let mut answer = self.get(path)?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().read_to_vec();
        let millis = began.elapsed().as_secs_f64() * 1_000.0;
        match (status, read) {
            (404, Ok(_)) => Ok(millis),
            _ => Err(Error::Refused(format!("{path}, which is not there, has {status}"))),
        }
    }

    /// Asks for a path and times the answer.
    pub(crate) fn timed(&self, path: &str) -> Result<Page> {
        let began = Instant::now();
        let answer = well(self.get(path)?)?;
        let mut body = Vec::new();
        let mut reader = answer.into_body().into_reader().take(LONGEST_PAGE);
        reader.read_to_end(&mut body).map_err(Error::doing("read a page"))?;
        Ok(Page { millis: began.elapsed().as_secs_f64() * 1_000.0, body })
    }

    fn get(&self, path: &str) -> Result<Response<Body>> {
        let request = self.agent.get(format!("{}{path}", self.to));
        let answer = request.header("authorization", &self.authorization).call();
        answer.map_err(|error| Error::Refused(format!("the service did not answer: {error}")))
    }
}

/// The answer, if it is what was asked for.
fn well(mut answer: Response<Body>) -> Result<Response<Body>> {
    match answer.status().as_u16() {
        200 => Ok(answer),
        status => {
            let said = answer.body_mut().read_to_string().unwrap_or_default();
            Err(Error::Refused(format!("the service answered {status}: {said}")))
        }
    }
}

impl Page {
    /// What it ends with.
    pub(crate) fn end(&self) -> Result<End> {
        end(&self.body).ok_or_else(|| {
            Error::Refused(format!("no page: {}", String::from_utf8_lossy(&self.body)))
        })
    }
}

fn end(body: &[u8]) -> Option<End> {
    let page: Value = serde_json::from_slice(body).ok()?;
    let data = page["data"].as_array()?;
    let cursor = page["pagination"]["next_cursor"].as_str().map(ToOwned::to_owned);
    let Some(last) = data.last() else {
        return Some(End { cursor, ..End::default() });
    };
    let text = |name: &str| last[name].as_str().map(ToOwned::to_owned);
    Some(End {
        records: data.len() as u64,
        id: text("id")?,
        created_at: text("created_at")?,
        cursor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_its_last_record_and_a_cursor() {
        let body = br#"{"data": [{"id": "a", "created_at": "t1"}, {"id": "b", "created_at": "t2"}],
                        "pagination": {"next_cursor": "c"}}"#;
        let (id, created_at) = ("b".to_owned(), "t2".to_owned());
        let expected = End { records: 2, id, created_at, cursor: Some("c".to_owned()) };
        assert_eq!(end(body), Some(expected));
        let empty = br#"{"data": [], "pagination": {"next_cursor": null}}"#;
        assert_eq!(end(empty), Some(End::default()));
        assert_eq!(end(b"{}"), None);
    }
}
