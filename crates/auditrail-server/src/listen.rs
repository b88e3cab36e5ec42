//! Serving on a listener, with limits that axum's own accept loop lacks.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::config::ServerConfig;
use crate::limits::{HEAD_MAX_BYTES, HEADERS_MAX};

/// The peer address of the connection of a request, as the kernel reports it.
///
/// It is never taken from a header, which clients could forge.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Pause after a failed accept, which mostly means that there are no free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves requests until `shutdown` completes; then accepts no more and drains those in flight.
///
/// hyper itself responds to a request head that is too large or malformed, with 431 or 400 and without a
/// body; this cannot be customized.
///
/// Returns `true` if all requests ended within [`ServerConfig::shutdown_grace`], and `false` if some were
/// cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &ServerConfig,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let http = http(config);
    let permits = Arc::new(Semaphore::new(config.connections_max));
    let graceful = GracefulShutdown::new();
    // Dropping the set cuts off requests in flight.
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer, permit) = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            respond(router.clone(), request)
        });
        let connection = graceful.watch(http.serve_connection(io(stream, config), service));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection error");
            }
            drop(permit);
        });
    }
    drop(listener);
    tokio::time::timeout(config.shutdown_grace, graceful.shutdown()).await.is_ok()
}

fn http(config: &ServerConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_MAX_BYTES)
        .max_buf_size(HEAD_MAX_BYTES);
    http
}

/// A connection that fails if the client reads nothing for too long: its response is held in memory
/// meanwhile, and an export holds a snapshot.
fn io(stream: TcpStream, config: &ServerConfig) -> TokioIo<Pin<Box<TimeoutStream<TcpStream>>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(config.stall_timeout));
    TokioIo::new(Box::pin(stream))
}

async fn respond(
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    router.oneshot(request.map(Body::new)).await
}

/// Waits for a permit and accepts one connection.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed, so acquiring cannot fail.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Responses are written as a whole, so Nagle's algorithm would only delay them.
                drop(stream.set_nodelay(true));
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _, _) = accept(&listener, &Arc::new(Semaphore::new(1))).await;
        assert!(stream.nodelay().unwrap());
    }
}
