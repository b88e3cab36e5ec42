//! HTTP client of the span exporter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::SEND_TIMEOUT;

/// Maximum size of a response; collectors respond with a few bytes.
const RESPONSE_MAX_BYTES: usize = 64 * 1_024;

/// Sends each batch over a new connection: there is one batch every few seconds at most.
///
/// OpenTelemetry calls it from its own thread, so it holds a handle of the runtime that does the I/O.
#[derive(Clone, Debug)]
pub(super) struct Client {
    runtime: Handle,
    /// Whether the last batch failed, so that only changes are logged.
    failing: Arc<AtomicBool>,
}

impl Client {
    /// A client that sends on the current runtime.
    pub(super) fn on_current_runtime() -> Self {
        Self { runtime: Handle::current(), failing: Arc::default() }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The timer must be created on the runtime too.
        let sending = async move { timeout(SEND_TIMEOUT, send(request)).await };
        let result = match self.runtime.spawn(sending).await {
            Ok(Ok(result)) => result,
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(join_error) => Err(join_error.into()),
        };
        let failing = !result.as_ref().is_ok_and(|response| response.status().is_success());
        match (self.failing.swap(failing, Ordering::Relaxed), failing) {
            (false, true) => tracing::warn!("OTLP export failing"),
            (true, false) => tracing::info!("OTLP export recovered"),
            (true, true) | (false, false) => {}
        }
        result
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("the endpoint has no authority")?.clone();
    let stream = connect(&authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The task ends when the sender is dropped.
    tokio::spawn(connection);
    let host = HeaderValue::from_str(authority.as_str())?;
    request.headers_mut().insert(header::HOST, host);
    *request.uri_mut() = request.uri().path().parse()?;
    let response = sender.send_request(request.map(Full::new)).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, RESPONSE_MAX_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

async fn connect(collector: &Authority) -> std::io::Result<TcpStream> {
    let host = collector.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, collector.port_u16().unwrap_or(80))).await?;
    // Otherwise a batch of several writes waits for acknowledgements in between.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connections_to_the_collector_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = listener.local_addr().unwrap().to_string().parse().unwrap();
        assert!(connect(&collector).await.unwrap().nodelay().unwrap());
    }
}
