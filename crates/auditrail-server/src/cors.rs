//! Cross-origin access from browsers (CORS).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::limits::CORS_MAX_AGE;

/// Methods that pages may use.
const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::DELETE];
/// Request headers that pages may send, besides the safelisted ones.
const REQUEST_HEADERS: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-request-id"),
];
/// Response headers that pages may read, besides the safelisted ones.
const RESPONSE_HEADERS: [HeaderName; 7] = [
    header::ETAG,
    header::LINK,
    header::RETRY_AFTER,
    header::CONTENT_DISPOSITION,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// Origins whose pages may use the service from a browser.
///
/// Their requests need an API key like any other. Cookies and other ambient credentials are not used, so a
/// page cannot act with the credentials of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsConfig {
    /// The allowed origins, matched exactly.
    pub origins: Vec<Origin>,
    /// How long a browser may cache a preflight response.
    pub max_age: Duration,
}

impl CorsConfig {
    /// Allows these origins.
    #[must_use]
    pub const fn new(origins: Vec<Origin>) -> Self {
        Self { origins, max_age: CORS_MAX_AGE }
    }

    pub(crate) fn layer(&self) -> CorsLayer {
        let origins = self.origins.iter().map(|origin| origin.0.clone());
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods(METHODS)
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(RESPONSE_HEADERS)
            .max_age(self.max_age)
    }
}

/// An origin as browsers send it: `https://console.example` or `http://localhost:3000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// The text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an origin: expected scheme, host and optional port in lower case, such as \
     https://console.example, without a path or wildcard"
)]
pub struct OriginError {
    text: Box<str>,
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Accepts only the form that browsers send, since the two are compared byte by byte.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        parse(text).map(Self).ok_or_else(|| OriginError { text: text.into() })
    }
}

fn parse(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let is_exact = text == format!("{scheme}://{authority}") && text == text.to_ascii_lowercase();
    let has_other = authority.contains(['@', '*']) || authority.ends_with([':', '.']);
    let is_origin = is_exact && !has_other && !authority.ends_with(default_port);
    is_origin.then(|| HeaderValue::from_str(text).ok()).flatten()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_in_the_form_of_browsers_are_accepted() {
        for text in [
            "https://console.example",
            "http://localhost:3000",
            "http://[::1]:8080",
            "http://a:443",
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(origin.to_string(), text);
        }
    }

    #[test]
    fn patterns_and_non_canonical_origins_are_rejected() {
        for text in [
            "",
            "*",
            "null",
            "https://*.example",
            "console.example",
            "https://console.example/",
            "https://console.example/a",
            "https://console.example?a",
            "https://Console.example",
            "https://console.example:443",
            "http://console.example:80",
            "https://ada@console.example",
            "ftp://console.example",
            "https://",
            "https://a b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
