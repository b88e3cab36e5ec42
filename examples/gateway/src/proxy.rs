//! Forwards requests to the service of their path prefix.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::callers::Caller;
use crate::problem::problem;

/// Timeout for the head of a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout to connect to an upstream.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Hop-by-hop headers (RFC 9110, 7.6.1), removed in both directions.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The authenticated caller. Upstreams can trust it, because it is removed from incoming requests.
const CALLER: HeaderName = HeaderName::from_static("x-caller");

/// A service behind the gateway, for the paths at or below `prefix`.
#[derive(Clone, Debug)]
pub struct Upstream {
    prefix: String,
    scheme: Scheme,
    authority: Authority,
}

impl std::str::FromStr for Upstream {
    type Err = String;

    /// Parses `/projects=http://127.0.0.1:9001`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let example = || format!("`{text}` must be like /projects=http://127.0.0.1:9001");
        let (prefix, url) = text.split_once('=').ok_or_else(example)?;
        let parts = url.parse::<Uri>().map_err(|_| example())?.into_parts();
        let plain = parts.path_and_query.is_none_or(|path| path == "/");
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) if plain && prefix.starts_with('/') => {
                let prefix = prefix.trim_end_matches('/').to_owned();
                Ok(Self { prefix, scheme, authority })
            }
            _ => Err(example()),
        }
    }
}

impl Upstream {
    fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.prefix.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The proxy. Bodies stream through it in both directions.
#[derive(Clone, Debug)]
pub struct Proxy {
    client: Client<HttpConnector, Body>,
    upstreams: Vec<Upstream>,
}

impl Proxy {
    /// A proxy for these upstreams; the first whose prefix matches is used.
    #[must_use]
    pub fn new(upstreams: Vec<Upstream>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(connector());
        Self { client, upstreams }
    }

    /// Forwards a request. Returns 404 if no upstream matches its path, 502 if the upstream is unreachable, 504
    /// after a timeout.
    pub async fn pass(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let Some(upstream) = self.upstreams.iter().find(|upstream| upstream.covers(path)) else {
            return problem(StatusCode::NOT_FOUND, "no service has this path");
        };
        let Some(outgoing) = towards(upstream, request) else {
            return problem(StatusCode::BAD_REQUEST, "this path cannot be forwarded");
        };
        let response = tokio::time::timeout(RESPONSE_TIMEOUT, self.client.request(outgoing)).await;
        match response {
            Ok(Ok(mut response)) => {
                strip(response.headers_mut());
                response.into_response()
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, prefix = upstream.prefix, "an upstream did not respond");
                problem(StatusCode::BAD_GATEWAY, "the service of this path did not respond")
            }
            Err(_) => problem(StatusCode::GATEWAY_TIMEOUT, "the service of this path timed out"),
        }
    }
}

/// With `TCP_NODELAY`: a streamed request body would otherwise wait for the acknowledgement of its head.
fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector
}

/// The request to the upstream.
fn towards<B>(upstream: &Upstream, request: Request<B>) -> Option<Request<B>> {
    let (mut parts, body) = request.into_parts();
    strip(&mut parts.headers);
    // The caller is authenticated; upstreams do not get credentials.
    parts.headers.remove(header::AUTHORIZATION);
    parts.headers.remove(header::HOST);
    parts.headers.remove(CALLER);
    if let Some(caller) = parts.extensions.get::<Caller>() {
        parts.headers.insert(CALLER, HeaderValue::try_from(caller.to_string()).ok()?);
    }
    if let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        let peer = HeaderValue::try_from(peer.ip().to_string()).ok()?;
        parts.headers.append(FORWARDED_FOR, peer);
    }
    let path = parts.uri.path_and_query().cloned();
    parts.uri = Uri::builder()
        .scheme(upstream.scheme.clone())
        .authority(upstream.authority.clone())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .ok()?;
    parts.version = axum::http::Version::HTTP_11;
    Some(Request::from_parts(parts, body))
}

/// Removes hop-by-hop headers, including those that `Connection` lists.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tower::ServiceExt as _;

    use super::*;

    fn upstream(text: &str) -> Upstream {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn connections_to_upstreams_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connection = connector().oneshot(uri).await.unwrap();
        assert!(connection.inner().nodelay().unwrap());
    }

    #[test]
    fn prefix_matches_whole_segments() {
        let projects = upstream("/projects/=http://127.0.0.1:1");
        assert!(projects.covers("/projects"));
        assert!(projects.covers("/projects/p1"));
        assert!(!projects.covers("/projectsearch"));
    }

    #[test]
    fn invalid_upstream_is_rejected_with_an_example() {
        for wrong in ["/projects", "projects=http://x", "/p=x", "/p=http://x/path"] {
            let error = wrong.parse::<Upstream>().unwrap_err();
            assert!(error.contains("/projects=http://127.0.0.1:9001"), "{error}");
        }
    }

    #[test]
    fn upstream_gets_neither_credentials_nor_forged_callers() {
        let request = Request::post("/projects?x=1")
            .header("authorization", "Bearer t")
            .header("x-caller", "user:root")
            .header("connection", "x-private, keep-alive")
            .header("x-private", "1")
            .body(())
            .unwrap();
        let sent = towards(&upstream("/projects=http://10.0.0.1:80"), request).unwrap();
        assert_eq!(sent.uri(), "http://10.0.0.1:80/projects?x=1");
        assert!(sent.headers().is_empty(), "{:?}", sent.headers());
    }
}
