//! Requests to the service and their answers; every way they can fail becomes a [`ClientError`].

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

use super::answer::{self, Answer};
use super::key::Key;
use crate::error::ClientError;

/// How long a connection may lie idle. Whatever lies between us and the service forgets it in the end.
const IDLE: Duration = Duration::from_secs(60);
/// Most bytes of an answer that is no success.
const PROBLEM_MAX_BYTES: usize = 1024 * 1024;
/// Who asks.
const USER_AGENT: &str = concat!("auditrail-client/", env!("CARGO_PKG_VERSION"));

/// A base address, a key, and how long to wait.
#[derive(Debug)]
pub(crate) struct Transport {
    base: String,
    key: Arc<Key>,
    timeout: Duration,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// JSON text.
    pub(super) body: Option<Bytes>,
    /// Most bytes of an answer.
    pub(super) max_bytes: usize,
    /// How long it may take, where that is not the client's business as a whole.
    pub(super) timeout: Option<Duration>,
}

impl Transport {
    pub(super) fn new(
        url: &str,
        key: Key,
        timeout: Duration,
        connect_timeout: Duration,
    ) -> Result<Self, ClientError> {
        let (base, secure) = base(url)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector(tcp(connect_timeout), secure)?);
        Ok(Self { base, key: Arc::new(key), timeout, http })
    }

    /// The address of the service.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Takes the key out of a text.
    pub(crate) fn hide(&self, text: &mut String) {
        self.key.hide(text);
    }

    /// Sends a request and reads the whole answer, which is a success.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        let after = call.timeout.unwrap_or(self.timeout);
        let answered = tokio::time::timeout(after, self.exchange(call)).await;
        let answered = answered
            .unwrap_or_else(|_| Err(ClientError::Timeout { url: self.base.clone(), after }));
        if matches!(&answered, Err(error) if matches!(error.status(), Some(401 | 403))) {
            self.refresh_key().await;
        }
        answered
    }

    async fn exchange(&self, call: Call) -> Result<Answer, ClientError> {
        let max_bytes = call.max_bytes;
        let response = self.http.request(self.request(call)?).await;
        let response = response.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let max_bytes = if status.is_success() { max_bytes } else { PROBLEM_MAX_BYTES };
        let (head, body) = self.whole(response, max_bytes).await?;
        if status.is_success() {
            return Ok(Answer { status: status.as_u16(), headers: head.headers, body });
        }
        let hide = |text: &mut String| self.key.hide(text);
        Err(ClientError::Problem(Box::new(answer::problem(
            &head,
            &body,
            crate::clock::now(),
            hide,
        ))))
    }

    fn request(&self, call: Call) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.base, call.path))
            .header(header::AUTHORIZATION, self.key.authorization()?)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if call.body.is_some() {
            let form = HeaderValue::from_static("application/json");
            request = request.header(header::CONTENT_TYPE, form);
        }
        let request = request.body(Full::new(call.body.unwrap_or_default()));
        request.map_err(|_| ClientError::Url { reason: "makes no valid one with these parameters" })
    }

    async fn whole(
        &self,
        response: Response<Incoming>,
        max_bytes: usize,
    ) -> Result<(hyper::http::response::Parts, Bytes), ClientError> {
        let (head, body) = response.into_parts();
        match Limited::new(body, max_bytes).collect().await {
            Ok(body) => Ok((head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::BadAnswer {
                detail: format!("it has more than {max_bytes} bytes"),
                request_id: answer::request_id(&head.headers),
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

    /// A key that comes from a file may have been renewed.
    async fn refresh_key(&self) {
        if self.key.is_from_file() {
            let key = Arc::clone(&self.key);
            // Only a panic or the end of the runtime keeps it from being read, and then the next try.
            drop(tokio::task::spawn_blocking(move || key.refresh()).await);
        }
    }
}

/// Without Nagle's algorithm: a request of several writes would else wait for acknowledgements.
fn tcp(connect_timeout: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

/// For https alone the certificates are read, so that plain http works where there are none.
fn connector(
    tcp: HttpConnector,
    secure: bool,
) -> Result<HttpsConnector<HttpConnector>, ClientError> {
    let builder = HttpsConnectorBuilder::new();
    let builder = if secure {
        let roots = builder.with_provider_and_native_roots(ring::default_provider());
        roots.map_err(|source| ClientError::Roots { source })?
    } else {
        builder.with_tls_config(no_tls()?)
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

/// Trusts nobody: no address of this client is one of https.
fn no_tls() -> Result<ClientConfig, ClientError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Roots { source: io::Error::other(error) })?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The address without a slash at its end, and whether it is one of https.
fn base(url: &str) -> Result<(String, bool), ClientError> {
    let refused = |reason| Err(ClientError::Url { reason });
    let Ok(uri) = url.parse::<Uri>() else {
        return refused("is no URL");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refused("has no scheme or no host");
    };
    if !matches!(scheme, "http" | "https") {
        return refused("must begin with http:// or https://");
    }
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return refused("must hold a host, and neither user nor password");
    }
    if uri.query().is_some() {
        return refused("must not have a query");
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
