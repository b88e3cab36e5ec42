//! Serving on a listener, with limits that axum's own accept loop lacks.

mod accept;
mod io;
mod response;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::config::ServerConfig;
use crate::connections::{Connections, OpenConnection};
use crate::limits::{HEAD_MAX_BYTES, HEADERS_MAX};
use crate::pace::Pace;
use io::{Io, Traffic};
use response::ABANDONED_AFTER;

/// The peer address of the connection of a request, as the kernel reports it.
///
/// It is never taken from a header, which clients could forge.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The connection of a request, to find out that its client is gone while a response is sent that never ends.
#[derive(Clone, Debug)]
pub(crate) struct PeerStream(Weak<TcpStream>);

impl PeerStream {
    /// Completes when the client has closed its sending side, or the connection is closed.
    pub(crate) async fn gone(self) {
        loop {
            tokio::time::sleep(ABANDONED_AFTER).await;
            if self.0.upgrade().is_none_or(|stream| io::is_gone(&stream)) {
                return;
            }
        }
    }
}

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
    connections: &Connections,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let server = Arc::new(Server {
        http: http(config),
        router,
        pace: Pace::new(config.response_min_rate, config.stall_timeout),
    });
    let graceful = GracefulShutdown::new();
    // Dropping the set cuts off requests in flight.
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut accepting = accept::Accept::new(&listener, connections);
    loop {
        let (stream, peer, open) = tokio::select! {
            accepted = accepting.next() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = &mut shutdown => break,
        };
        let (server, watcher) = (Arc::clone(&server), graceful.watcher());
        open.start(|open| tasks.spawn(server.connection(stream, peer, open, watcher)));
    }
    drop(listener);
    tokio::time::timeout(config.shutdown_grace, graceful.shutdown()).await.is_ok()
}

/// What the tasks of all connections share.
struct Server {
    http: http1::Builder,
    router: Router,
    pace: Pace,
}

impl Server {
    /// Serves a connection to its end.
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        open: OpenConnection,
        watcher: Watcher,
    ) {
        let (stream, traffic) = (Arc::new(stream), Arc::new(Traffic::default()));
        let connection = Arc::clone(open.connection());
        let io =
            Io::new(Arc::clone(&stream), Arc::clone(&traffic), Arc::clone(&connection), self.pace);
        let service = hyper::service::service_fn(|mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(PeerStream(Arc::downgrade(&stream)));
            response::respond(&self.router, request, &open, &stream)
        });
        let serving = watcher.watch(self.http.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            served = serving => {
                if let Err(error) = served {
                    tracing::debug!(%error, "connection error");
                }
            }
            () = connection.ended() => {}
        }
        if let Some(stream) = Arc::into_inner(stream) {
            io::close(stream, &traffic).await;
        }
    }
}

fn http(config: &ServerConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .half_close(true)
        .header_read_timeout(config.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_MAX_BYTES)
        .max_buf_size(HEAD_MAX_BYTES);
    http
}
