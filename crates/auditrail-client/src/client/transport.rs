//! HTTP requests to the service; all failures become a [`ClientError`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::key::ApiKey;
use super::response::{self, ApiResponse};
use crate::error::ClientError;

/// How long idle connections are kept. Middleboxes drop idle connections silently after a while.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum bytes of an error response.
const PROBLEM_MAX_BYTES: usize = 1024 * 1024;
const USER_AGENT: &str = concat!("auditrail-client/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub(crate) struct Transport {
    base: String,
    key: Arc<ApiKey>,
    timeout: Duration,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

#[derive(Debug)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// JSON text.
    pub(super) body: Option<Bytes>,
    /// Maximum bytes of a successful response.
    pub(super) max_bytes: usize,
    /// Overrides the client's timeout.
    pub(super) timeout: Option<Duration>,
}

impl Transport {
    pub(super) fn new(
        url: &str,
        key: ApiKey,
        timeout: Duration,
        connect_timeout: Duration,
    ) -> Result<Self, ClientError> {
        let (base, secure) = base(url)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector(tcp(connect_timeout), secure)?);
        Ok(Self { base, key: Arc::new(key), timeout, http })
    }

    /// The base URL of the service.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Redacts the API key in a text.
    pub(crate) fn redact(&self, text: &mut String) {
        self.key.redact(text);
    }

    /// Sends a request and reads the body of a successful response. Other statuses are errors.
    pub(super) async fn send(&self, request: ApiRequest) -> Result<ApiResponse, ClientError> {
        let after = request.timeout.unwrap_or(self.timeout);
        let result = tokio::time::timeout(after, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(ClientError::Timeout { url: self.base.clone(), after }));
        if matches!(&result, Err(error) if matches!(error.status(), Some(401 | 403))) {
            self.refresh_key().await;
        }
        result
    }

    async fn exchange(&self, request: ApiRequest) -> Result<ApiResponse, ClientError> {
        let max_bytes = request.max_bytes;
        let response = self
            .http
            .request(self.http_request(request)?)
            .await
            .map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let max_bytes = if status.is_success() { max_bytes } else { PROBLEM_MAX_BYTES };
        let (head, body) = self.read_body(response, max_bytes).await?;
        if status.is_success() {
            return Ok(ApiResponse { status: status.as_u16(), headers: head.headers, body });
        }
        let redact = |text: &mut String| self.key.redact(text);
        Err(ClientError::Problem(Box::new(response::problem(
            &head,
            &body,
            crate::clock::now(),
            redact,
        ))))
    }

    fn http_request(&self, request: ApiRequest) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut builder = Request::builder()
            .method(request.method)
            .uri(format!("{}{}", self.base, request.path))
            .header(header::AUTHORIZATION, self.key.authorization()?)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if request.body.is_some() {
            let content_type = HeaderValue::from_static("application/json");
            builder = builder.header(header::CONTENT_TYPE, content_type);
        }
        builder
            .body(Full::new(request.body.unwrap_or_default()))
            .map_err(|_| ClientError::Url { reason: "is invalid with these query parameters" })
    }

    async fn read_body(
        &self,
        response: Response<Incoming>,
        max_bytes: usize,
    ) -> Result<(hyper::http::response::Parts, Bytes), ClientError> {
        let (head, body) = response.into_parts();
        match Limited::new(body, max_bytes).collect().await {
            Ok(body) => Ok((head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::UnexpectedResponse {
                detail: format!("the body has more than {max_bytes} bytes"),
                request_id: response::request_id(&head.headers),
            }),
            Err(error) => Err(self.unreachable(error)),
        }
    }

    fn unreachable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ClientError {
        ClientError::Unreachable { url: self.base.clone(), source: source.into() }
    }

    /// Reads the key file again: the key may have been renewed.
    async fn refresh_key(&self) {
        if self.key.is_from_file() {
            let key = Arc::clone(&self.key);
            // An error means that the runtime shuts down or the read panicked; the next rejection
            // reads it again.
            drop(tokio::task::spawn_blocking(move || key.refresh()).await);
        }
    }
}

/// Disables Nagle's algorithm: a request of several writes would otherwise wait for delayed
/// acknowledgements.
fn tcp(connect_timeout: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

/// Loads the system's root certificates only for https, so that plain http works on systems without
/// any.
fn connector(
    tcp: HttpConnector,
    secure: bool,
) -> Result<HttpsConnector<HttpConnector>, ClientError> {
    let builder = HttpsConnectorBuilder::new();
    let builder = if secure {
        builder
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|source| ClientError::RootCertificates { source })?
    } else {
        builder.with_tls_config(no_tls()?)
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

/// A TLS configuration without trusted roots, for base URLs with plain http.
fn no_tls() -> Result<ClientConfig, ClientError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::RootCertificates { source: io::Error::other(error) })?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The base URL without a trailing slash, and whether it is https.
fn base(url: &str) -> Result<(String, bool), ClientError> {
    let invalid = |reason| Err(ClientError::Url { reason });
    let Ok(uri) = url.parse::<Uri>() else {
        return invalid("is not a URL");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return invalid("has no scheme or host");
    };
    if !matches!(scheme, "http" | "https") {
        return invalid("must start with http:// or https://");
    }
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
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connections_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connector = TowerToHyperService::new(tcp(Duration::from_secs(5)));
        let connection = connector.call(uri).await.unwrap();
        assert!(connection.inner().nodelay().unwrap());
    }
}
