//! HTTP requests to a witness.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::error::{InvalidWitness, WitnessError};
use super::response::Response;

/// How long idle connections are kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of the head of a response.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Most bytes of a body: a hundred signatures of the largest kind are not expected, ten are.
const BODY_MAX_BYTES: usize = 64 * 1024;
const AGENT: &str = concat!("auditrail-witness/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub(super) struct Transport {
    base: String,
    target: Uri,
    timeout: Duration,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Transport {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, InvalidWitness> {
        let invalid = |reason| InvalidWitness::Url { url: url.to_owned(), reason };
        let base = base(url).map_err(invalid)?;
        let target =
            format!("{base}/add-checkpoint").parse().map_err(|_| invalid("is not a URL"))?;
        let connector = connector(timeout, base.starts_with("https:"));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_max_buf_size(HEAD_MAX_BYTES)
            .build(connector.map_err(InvalidWitness::RootCertificates)?);
        Ok(Self { base, target, timeout, http })
    }

    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// Sends the body of a request, and reads the response.
    pub(super) async fn add_checkpoint(&self, body: Bytes) -> Result<Response, WitnessError> {
        let after = self.timeout;
        let response = tokio::time::timeout(after, self.exchange(body)).await;
        response.unwrap_or(Err(WitnessError::Timeout { after }))
    }

    async fn exchange(&self, body: Bytes) -> Result<Response, WitnessError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let response = self.http.request(request).await.map_err(|error| self.unreachable(error))?;
        let (head, body) = response.into_parts();
        match Limited::new(body, BODY_MAX_BYTES).collect().await {
            Ok(body) => Response::read(head.status, &head.headers, &body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(WitnessError::unexpected(format!(
                "the body has more than {BODY_MAX_BYTES} bytes"
            ))),
            Err(error) => Err(self.unreachable(error)),
        }
    }

    fn unreachable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> WitnessError {
        WitnessError::Unreachable { url: self.base.clone(), source: source.into() }
    }
}

/// Loads the system's root certificates only for https, so that plain http works on systems without any.
fn connector(
    connect_timeout: Duration,
    is_secure: bool,
) -> io::Result<HttpsConnector<HttpConnector>> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let builder = HttpsConnectorBuilder::new();
    let builder = if is_secure {
        builder.with_provider_and_native_roots(ring::default_provider())?
    } else {
        builder.with_tls_config(no_tls()?)
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

/// A TLS configuration without trusted roots, for URLs with plain http.
fn no_tls() -> io::Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The URL without a slash at its end, or why it is invalid.
fn base(url: &str) -> Result<String, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("has no scheme or host");
    };
    if !matches!(scheme, "http" | "https") {
        return Err("must start with http:// or https://");
    }
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err("must have a host, and neither user nor password");
    }
    if uri.query().is_some() {
        return Err("must not have a query");
    }
    Ok(format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_appended_to_the_url() {
        for (url, target) in [
            ("http://127.0.0.1:8099", "http://127.0.0.1:8099/add-checkpoint"),
            ("http://w.example/", "http://w.example/add-checkpoint"),
            ("http://w.example/one/", "http://w.example/one/add-checkpoint"),
        ] {
            assert_eq!(Transport::new(url, Duration::from_secs(1)).unwrap().target, target);
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in
            ["", "w.example", "/x", "ftp://w.example", "http://u@w.example", "http://w.example?a"]
        {
            assert!(base(url).is_err(), "{url}");
        }
    }
}
