//! Answering on a listener, with limits that axum's own loop does not have.

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

/// The other end of the connection a request came over, as the kernel tells it.
///
/// It is never taken from a header: anybody can write one.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How long to wait after a connection could not be accepted, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until `shutdown` completes; then accepts no more and lets those under way end.
///
/// A head that is too large or malformed is answered by hyper itself, with 431 or 400 and without a
/// body: it gives no way to say more.
///
/// Returns `true` when all of them ended within [`ServerConfig::shutdown_grace`], and `false` when
/// some had to be cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &ServerConfig,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let http = http(config);
    let room = Arc::new(Semaphore::new(config.connections_max));
    let graceful = GracefulShutdown::new();
    // Dropping the set cuts off what is still under way.
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        let (stream, peer, place) = accepted;
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            answer(router.clone(), request)
        });
        let connection = graceful.watch(http.serve_connection(io(stream, config), service));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection error");
            }
            drop(place);
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

/// A connection that breaks when its other end takes nothing for too long. Whatever is written for it
/// is in memory meanwhile, and an export holds a snapshot.
fn io(stream: TcpStream, config: &ServerConfig) -> TokioIo<Pin<Box<TimeoutStream<TcpStream>>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(config.stall_timeout));
    TokioIo::new(Box::pin(stream))
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    router.oneshot(request.map(Body::new)).await
}

/// Accepts one connection when there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there always is a permit in the end.
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written as a whole; waiting for more to send only delays them.
                drop(stream.set_nodelay(true));
                return (stream, peer, place);
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
