//! The response to one request of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, StatusCode};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::io;
use crate::caller::Caller;
use crate::connections::{OpenConnection, RequestGuard};

/// How long a read may take after its client has closed its sending side.
pub(super) const ABANDONED_AFTER: Duration = Duration::from_secs(1);

/// The client of a read has closed its connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client has closed its connection")]
pub(super) struct ClientGone;

/// Handles a request.
///
/// # Errors
/// [`ClientGone`] if it is a read whose client has probably gone. A write is completed.
pub(super) async fn respond(
    router: &Router,
    mut request: Request<Incoming>,
    open: &OpenConnection,
    stream: &TcpStream,
) -> Result<Response<TrackedBody>, ClientGone> {
    let connection = open.connection();
    let guard = connection.begin_request();
    let caller = Caller::on(open);
    request.extensions_mut().insert(caller.clone());
    let is_read = request.method().is_safe();
    let handling = router.clone().oneshot(request.map(Body::new));
    let handled = if is_read {
        tokio::select! {
            biased;
            handled = handling => handled,
            () = io::gone(stream, ABANDONED_AFTER) => return Err(ClientGone),
        }
    } else {
        handling.await
    };
    let mut response = handled.unwrap_or_else(|never| match never {});
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        connection.set_unauthenticated();
    }
    if status == StatusCode::UNAUTHORIZED || (status.is_client_error() && caller.holder().is_none())
    {
        // Connections are for callers with a key.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| TrackedBody { body, _guard: guard, _caller: caller }))
}

/// The body of a response. The connection is in use until it was sent.
#[derive(Debug)]
pub(super) struct TrackedBody {
    body: Body,
    _guard: RequestGuard,
    _caller: Caller,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
