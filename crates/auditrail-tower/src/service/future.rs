//! A request that is handled.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::Service;

use super::refusal::refusal;
use crate::body::{RequestBody, ResponseBody};
use crate::capture::exchange::Exchange;
use crate::capture::intent::Intending;
use crate::capture::outcome::Outcome;
use crate::capture::tap::{Tap, length};
use crate::capture::watch::Watch;
use crate::capture::{grpc, request_id};

pin_project! {
    /// The answer of an [`AuditService`](crate::AuditService).
    pub struct ResponseFuture<I, B>
    where
        I: Service<Request<RequestBody<B>>>,
        B: Body,
    {
        #[pin]
        state: State<I, I::Future, B>,
        // None where another such layer is around this one, and names the request.
        request_id: Option<HeaderValue>,
        to_head: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<I, F, B>
    where
        B: Body,
    {
        Preparing { preparing: Preparing<B>, inner: I },
        Handling { #[pin] future: F, watch: Watch },
    }
}

type Preparing<B> = Pin<Box<dyn Future<Output = Prepared<B>> + Send>>;

/// What became of the intent.
enum Prepared<B: Body> {
    Go(Box<Request<RequestBody<B>>>, Box<Exchange>),
    Refused { grpc: bool },
}

impl<I, B> ResponseFuture<I, B>
where
    I: Service<Request<RequestBody<B>>>,
    B: Body,
{
    /// A request that is being handled.
    pub(super) fn handling(
        future: I::Future,
        watch: Watch,
        request_id: Option<HeaderValue>,
        to_head: bool,
    ) -> Self {
        Self { state: State::Handling { future, watch }, request_id, to_head }
    }

    /// A request whose intent is written first.
    pub(super) fn preparing(
        inner: I,
        parts: Parts,
        body: B,
        tap: Option<Tap>,
        exchange: Box<Exchange>,
        request_id: HeaderValue,
    ) -> Self
    where
        B: Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        let to_head = parts.method == Method::HEAD;
        let preparing: Preparing<B> = Box::pin(prepare(parts, body, tap, exchange));
        let state = State::Preparing { preparing, inner };
        Self { state, request_id: Some(request_id), to_head }
    }
}

async fn prepare<B: Body>(
    parts: Parts,
    body: B,
    tap: Option<Tap>,
    exchange: Box<Exchange>,
) -> Prepared<B> {
    let body = match tap {
        Some(tap) if exchange.intent_needs_body() => RequestBody::read_ahead(body, tap).await,
        tap => RequestBody::new(body, tap),
    };
    match Intending::new(exchange).await {
        Some(exchange) => Prepared::Go(Box::new(Request::from_parts(parts, body)), exchange),
        None => Prepared::Refused { grpc: grpc::is_grpc(&parts.headers) },
    }
}

impl<I, B, R> Future for ResponseFuture<I, B>
where
    I: Service<Request<RequestBody<B>>, Response = Response<R>>,
    I::Error: 'static,
    B: Body,
    R: Body,
    R::Data: From<Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, I::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StateProjection::Preparing { preparing, inner } = this.state.as_mut().project() {
            match ready!(preparing.as_mut().poll(cx)) {
                Prepared::Go(request, exchange) => {
                    let mut watch = Watch::Exchange(exchange);
                    watch.enter();
                    let future = inner.call(*request);
                    watch.leave();
                    this.state.set(State::Handling { future, watch });
                }
                Prepared::Refused { grpc } => {
                    return Poll::Ready(Ok(refusal(this.request_id.as_ref(), grpc)));
                }
            }
        }
        let StateProjection::Handling { future, watch } = this.state.project() else {
            return Poll::Pending;
        };
        watch.enter();
        let polled = future.poll(cx);
        watch.leave();
        Poll::Ready(match ready!(polled) {
            Ok(response) => {
                let watch = std::mem::replace(watch, Watch::Nothing);
                Ok(answered(response, watch, this.request_id.take(), *this.to_head))
            }
            Err(error) => {
                watch.fail(Outcome::of_error(&error));
                Err(error)
            }
        })
    }
}

/// The answer of the handler, which is watched until its end.
fn answered<R: Body>(
    response: Response<R>,
    mut watch: Watch,
    request_id: Option<HeaderValue>,
    to_head: bool,
) -> Response<ResponseBody<R>> {
    let (mut parts, body) = response.into_parts();
    if let Some(request_id) = request_id {
        parts.headers.insert(request_id::HEADER, request_id);
    }
    watch.head(&parts);
    let bodiless = parts.status.is_informational()
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = ResponseBody::new(body, watch, length(&parts.headers), !to_head && !bodiless);
    Response::from_parts(parts, body)
}

/// Shows nothing of the request.
impl<I, B> fmt::Debug for ResponseFuture<I, B>
where
    I: Service<Request<RequestBody<B>>>,
    B: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
