//! The service that records requests.

mod buffered;
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
use crate::capture::deliver::shared::Shared;
use crate::capture::observe::observation::{Observation, StartedObservation, start};
use crate::capture::record::handle::AuditHandle;

/// A service that records its requests. Created by [`AuditLayer`](crate::AuditLayer).
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
            // The outer layer records the request.
            self.shared.count_overruled(outer);
            let request = Request::from_parts(parts, RequestBody::new(body, None));
            return ResponseFuture::handling(
                self.inner.call(request),
                Observation::Nothing,
                None,
                false,
            );
        }
        let to_head = parts.method == Method::HEAD;
        let StartedObservation { mut observation, request_id, capture } =
            start(&self.shared, &mut parts);
        match observation {
            Observation::Exchange(exchange) if exchange.needs_preparation() => {
                // The ready service handles this request; its clone is polled for the next.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                ResponseFuture::preparing(ready, parts, body, capture, exchange, request_id)
            }
            _ => {
                let request = Request::from_parts(parts, RequestBody::new(body, capture));
                observation.enter();
                let future = self.inner.call(request);
                observation.leave();
                ResponseFuture::handling(future, observation, Some(request_id), to_head)
            }
        }
    }
}
