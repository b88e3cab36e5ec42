//! Serving on a listener, within limits.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::limits::Limits;
use crate::service;
use crate::witness::Witness;

/// Most bytes of the head of a request, and most of its headers.
const HEAD_MAX_BYTES: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// How long the process waits after it could not accept a connection, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a witness until `shutdown` completes; then accepts no more, and waits for requests in flight.
///
/// Returns `false` if some were cut off after [`Limits::shutdown_grace`].
///
/// # Panics
/// Outside a Tokio runtime.
pub async fn serve(
    listener: TcpListener,
    witness: Arc<Witness>,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let server = Arc::new(Server {
        http: http(limits),
        router: service::router(witness, limits.request_timeout),
        connection_timeout: limits.connection_timeout,
    });
    let free = Arc::new(Semaphore::new(limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    // Dropping the set cuts off requests in flight.
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, permit) = tokio::select! {
            accepted = accept(&listener, &free) => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        let (server, watcher) = (Arc::clone(&server), graceful.watcher());
        connections.spawn(server.connection(stream, permit, watcher));
    }
    drop(listener);
    tokio::time::timeout(limits.shutdown_grace, graceful.shutdown()).await.is_ok()
}

struct Server {
    http: http1::Builder,
    router: Router,
    connection_timeout: Duration,
}

impl Server {
    /// Serves a connection to its end.
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        _permit: OwnedSemaphorePermit,
        watcher: Watcher,
    ) {
        let service = TowerToHyperService::new(self.router.clone());
        let serving = watcher.watch(self.http.serve_connection(TokioIo::new(stream), service));
        match tokio::time::timeout(self.connection_timeout, serving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "connection error"),
            Err(_) => tracing::debug!("a connection was open for too long"),
        }
    }
}

async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(free).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it a response could wait for a delayed acknowledgement.
                drop(stream.set_nodelay(true));
                return (stream, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX_BYTES);
    http
}
