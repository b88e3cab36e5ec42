//! A log behind a URL.

mod api_key;
mod connector;

use std::time::Duration;

use auditrail_core::Backoff;
use bytes::Bytes;
use futures_util::TryFutureExt as _;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use crate::cli::HttpArgs;
use crate::error::Error;
use crate::output::safe;

/// How often a resource is requested while the server is overloaded or restarts.
const ATTEMPTS: u32 = 5;
/// The pauses between, unless the server names one.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(4));
/// The longest pause that a server may name.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Most characters of a redirect that a message repeats.
const LOCATION_CHARS: usize = 200;
const PRODUCT: &str = concat!("auditrail/", env!("CARGO_PKG_VERSION"));

/// A client of one URL. It follows no redirect: the key is for that URL alone.
pub(super) struct Http {
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// A response that is no resource.
enum Failure {
    /// Another attempt may succeed, after this pause if the server has named one.
    Retry(Error, Option<Duration>),
    Final(Error),
}

impl Http {
    /// Reads the API key and, for https, the certificates of the system.
    pub(super) fn new(url: &str, args: &HttpArgs) -> Result<Self, Error> {
        let (base, is_secure) = base(url)?;
        let timeout = Duration::from_secs(args.timeout);
        let client = connector::client(is_secure, timeout)?;
        Ok(Self { base, authorization: api_key::header(args)?, timeout, client })
    }

    /// Up to `max` bytes of a resource, or more if it is longer; `None` if there is none.
    pub(super) async fn read(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, Error> {
        let url = format!("{}/{path}", self.base);
        for attempt in 0.. {
            let answer = tokio::time::timeout(self.timeout, self.request(&url, max));
            let (error, pause) = match answer.await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(Failure::Final(error))) => return Err(error),
                Ok(Err(Failure::Retry(error, pause))) => (error, pause),
                Err(_) => {
                    let seconds = self.timeout.as_secs();
                    let detail = format!("{url} was not complete within {seconds} s");
                    return Err(failed(
                        detail,
                        Some("a longer --timeout allows for a slow network"),
                    ));
                }
            };
            if attempt + 1 >= ATTEMPTS {
                return Err(error);
            }
            let pause = pause.unwrap_or_else(|| BACKOFF.pause(attempt, 1.0));
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
        }
        Ok(None)
    }

    async fn request(&self, url: &str, max: usize) -> Result<Option<Vec<u8>>, Failure> {
        let mut request = Request::get(url).header(USER_AGENT, PRODUCT);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Empty::new())
            .map_err(|_| Failure::Final(Error::Usage(format!("{} is not a URL", self.base))))?;
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| {
            let detail = format!("cannot read {url}");
            Failure::Retry(
                Error::Failed { code: "http", detail, source: Some(source), hint: None },
                None,
            )
        };
        let response =
            self.client.request(request).map_err(|error| unreachable(error.into())).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status => return Err(refusal(url, status, response.headers())),
        }
        match Limited::new(response.into_body(), max).collect().await {
            Ok(body) => Ok(Some(body.to_bytes().into())),
            // As long as it takes for the caller to see it: the rest is never read.
            Err(error) if error.is::<LengthLimitError>() => Ok(Some(vec![0; max + 1])),
            Err(error) => Err(unreachable(error)),
        }
    }
}

/// The failure that another status means.
fn refusal(url: &str, status: StatusCode, headers: &HeaderMap) -> Failure {
    let number = status.as_u16();
    if status.is_redirection() {
        let location = headers.get(LOCATION).map_or_else(String::new, |location| {
            let location = String::from_utf8_lossy(location.as_bytes());
            format!(" to {}", safe::truncated(&location, LOCATION_CHARS))
        });
        let hint = "name the other URL as the source if you trust it";
        let detail = format!("{url} redirects{location} ({number}), which is not followed");
        return Failure::Final(failed(detail, Some(hint)));
    }
    let hint = matches!(number, 401 | 403)
        .then_some("name a file with a valid API key with --api-key-file");
    let error = failed(format!("{url}: the server responds with status {number}"), hint);
    if matches!(number, 429 | 500 | 502 | 503 | 504) {
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Failure::Retry(error, seconds.map(Duration::from_secs))
    } else {
        Failure::Final(error)
    }
}

fn failed(detail: String, hint: Option<&'static str>) -> Error {
    Error::Failed { code: "http", detail, source: None, hint }
}

/// The URL without a slash at its end, and whether it is https.
fn base(url: &str) -> Result<(String, bool), Error> {
    let invalid = |reason: &str| Err(Error::Usage(format!("the URL of the log {reason}")));
    let Ok(uri) = url.parse::<Uri>() else {
        return invalid("is not a URL");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return invalid("has no host");
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return invalid("must have a host, and neither user nor password");
    }
    if uri.query().is_some() {
        return invalid("must not have a query");
    }
    let path = uri.path().trim_end_matches('/');
    Ok((format!("{scheme}://{authority}{path}"), scheme == "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_a_prefix() {
        let prefix = |url: &str| base(url).ok();
        let expected = Some(("https://audit.example/v1/log".to_owned(), true));
        assert_eq!(prefix("https://audit.example/v1/log"), expected);
        assert_eq!(prefix("https://audit.example/v1/log/"), expected);
        assert_eq!(prefix("http://[::1]:8080"), Some(("http://[::1]:8080".to_owned(), false)));
        for other in ["http://", "http://user:secret@host", "http://host?secret", "http:// secret"]
        {
            let error = base(other).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
