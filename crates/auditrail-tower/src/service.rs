//! A service whose requests leave records.

mod ahead;
mod future;
mod refusal;

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower::Service;

pub use future::ResponseFuture;

use crate::body::{RequestBody, ResponseBody};
use crate::capture::handle::AuditHandle;
use crate::capture::shared::Shared;
use crate::capture::watch::{Begun, Watch, begin};

/// A service whose requests leave records. Made by [`AuditLayer`](crate::AuditLayer).
#[derive(Clone, Debug)]
pub struct AuditService<I> {
    inner: I,
    shared: Arc<Shared>,
}

impl<I> AuditService<I> {
    pub(crate) fn new(inner: I, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<I, B, R> Service<Request<B>> for AuditService<I>
where
    I: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    I::Error: 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
    R: Body,
    R::Data: From<Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = I::Error;
    type Future = ResponseFuture<I, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<I, B, R> {
        let (mut parts, body) = request.into_parts();
        if let Some(outer) = parts.extensions.get::<AuditHandle>() {
            // One record is enough.
            self.shared.inside_of(outer);
            let request = Request::from_parts(parts, RequestBody::new(body, None));
            return ResponseFuture::handling(self.inner.call(request), Watch::Nothing, None, false);
        }
        let to_head = parts.method == Method::HEAD;
        let Begun { mut watch, request_id, tap } = begin(&self.shared, &mut parts);
        match watch {
            Watch::Exchange(exchange) if exchange.intends() => {
                // The one that is ready handles this request; the next asks its clone again.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                ResponseFuture::preparing(ready, parts, body, tap, exchange, request_id)
            }
            _ => {
                let request = Request::from_parts(parts, RequestBody::new(body, tap));
                watch.enter();
                let future = self.inner.call(request);
                watch.leave();
                ResponseFuture::handling(future, watch, Some(request_id), to_head)
            }
        }
    }
}
