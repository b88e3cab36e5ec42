//! A client of `auditrail serve` that times reads over one kept-alive connection.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use xtask::error::{Error, Result};

/// An export of ten million records takes minutes.
const TIMEOUT: Duration = Duration::from_mins(30);
/// A thousand records of maximum size, in bytes.
const MAX_PAGE: u64 = 128 << 20;
const LIST: &str = "/v1/audit-logs";

/// A client with an API key.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    to: String,
    authorization: String,
}

/// A page of a search.
#[derive(Debug)]
pub(crate) struct Page {
    /// From sending the request to receiving the last byte of the response.
    pub(crate) millis: f64,
    pub(crate) body: Vec<u8>,
}

/// The last record of a page, and the cursor of the next one.
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
        let agent = config.timeout_global(Some(TIMEOUT)).build().new_agent();
        Self { agent, to: format!("http://{address}"), authorization: format!("Bearer {key}") }
    }

    /// Reads a page of the list.
    pub(crate) fn list(&self, parameters: &str) -> Result<Page> {
        self.timed(&format!("{LIST}?{parameters}"))
    }

    /// Reads and discards a body; its length in bytes.
    pub(crate) fn drain(&self, path: &str) -> Result<u64> {
        let mut reader = success(self.get(path)?)?.into_body().into_reader();
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(Error::doing("read an export"))
    }

    /// Reads a path that must be 404; the milliseconds until the response.
    pub(crate) fn miss(&self, path: &str) -> Result<f64> {
        let start = Instant::now();
        let mut response = self.get(path)?;
        let status = response.status().as_u16();
        let read = response.body_mut().read_to_vec();
        let millis = start.elapsed().as_secs_f64() * 1_000.0;
        match (status, read) {
            (404, Ok(_)) => Ok(millis),
            _ => Err(Error::Refused(format!("{path} returned {status} instead of 404"))),
        }
    }

    /// Reads a path and times the response.
    pub(crate) fn timed(&self, path: &str) -> Result<Page> {
        let start = Instant::now();
        let response = success(self.get(path)?)?;
        let mut body = Vec::new();
        let mut reader = response.into_body().into_reader().take(MAX_PAGE);
        reader.read_to_end(&mut body).map_err(Error::doing("read a page"))?;
        Ok(Page { millis: start.elapsed().as_secs_f64() * 1_000.0, body })
    }

    fn get(&self, path: &str) -> Result<Response<Body>> {
        let request = self.agent.get(format!("{}{path}", self.to));
        request
            .header("authorization", &self.authorization)
            .call()
            .map_err(|error| Error::Refused(format!("no response from the service: {error}")))
    }
}

/// The response, if its status is 200.
fn success(mut response: Response<Body>) -> Result<Response<Body>> {
    match response.status().as_u16() {
        200 => Ok(response),
        status => {
            let body = response.body_mut().read_to_string().unwrap_or_default();
            Err(Error::Refused(format!("the service returned {status}: {body}")))
        }
    }
}

impl Page {
    /// Its last record and the next cursor.
    pub(crate) fn end(&self) -> Result<End> {
        end(&self.body).ok_or_else(|| {
            Error::Refused(format!("not a page: {}", String::from_utf8_lossy(&self.body)))
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
    fn page_ends_with_last_record_and_cursor() {
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
