//! How spans get to the collector.

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

/// Collectors answer with a few bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1_024;

/// Sends each batch over a connection of its own: there is one every few seconds at most.
///
/// OpenTelemetry calls it from a thread of its own, so it remembers which runtime can do the sending.
#[derive(Clone, Debug)]
pub(super) struct Client {
    runtime: Handle,
    /// Whether the last batch was lost, so that the log tells of changes alone.
    failing: Arc<AtomicBool>,
}

impl Client {
    /// A client that sends on this runtime.
    pub(super) fn here() -> Self {
        Self { runtime: Handle::current(), failing: Arc::default() }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The timer too is the runtime's, so it is made there.
        let sending = async move { timeout(SEND_TIMEOUT, send(request)).await };
        let sent = match self.runtime.spawn(sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(late)) => Err(late.into()),
            Err(ended) => Err(ended.into()),
        };
        let failing = !sent.as_ref().is_ok_and(|answer| answer.status().is_success());
        match (self.failing.swap(failing, Ordering::Relaxed), failing) {
            (false, true) => tracing::warn!("OTLP export failing"),
            (true, false) => tracing::info!("OTLP export recovered"),
            (true, true) | (false, false) => {}
        }
        sent
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("the collector has no address")?.clone();
    let stream = connect(&authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender.
    tokio::spawn(connection);
    let host = HeaderValue::from_str(authority.as_str())?;
    request.headers_mut().insert(header::HOST, host);
    *request.uri_mut() = request.uri().path().parse()?;
    let answer = sender.send_request(request.map(Full::new)).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

async fn connect(collector: &Authority) -> std::io::Result<TcpStream> {
    let host = collector.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, collector.port_u16().unwrap_or(80))).await?;
    // A batch that takes more than one write would else wait for acknowledgements in between.
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
