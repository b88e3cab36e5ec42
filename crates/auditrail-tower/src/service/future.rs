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

use super::ahead::Ahead;
use super::refusal::refusal;
use crate::body::{RequestBody, ResponseBody};
use crate::capture::exchange::Exchange;
use crate::capture::intent::Intending;
use crate::capture::outcome::Outcome;
use crate::capture::settling::Settling;
use crate::capture::tap::{Tap, length};
use crate::capture::watch::Watch;
use crate::capture::{grpc, request_id};

pin_project! {
    /// The answer of an [`AuditService`](crate::AuditService).
    pub struct ResponseFuture<I, B, R>
    where
        I: Service<Request<RequestBody<B>>>,
        B: Body,
        R: Body,
    {
        #[pin]
        state: State<I, B, R>,
        // None where another such layer is around this one, and names the request.
        request_id: Option<HeaderValue>,
        to_head: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<I, B, R>
    where
        I: Service<Request<RequestBody<B>>>,
        B: Body,
        R: Body,
    {
        Preparing { preparing: Preparing<B>, inner: I },
        Handling { #[pin] future: I::Future, watch: Watch },
        // An error, or an answer without a body: neither has an end of its own that could wait.
        Settling { settling: Settling, ended: Option<Result<I::Response, I::Error>> },
        // An answer whose end may have to wait, and its head with it.
        Ahead { ahead: Ahead<R> },
    }
}

type Preparing<B> = Pin<Box<dyn Future<Output = Prepared<B>> + Send>>;

/// What became of the intent.
enum Prepared<B: Body> {
    Go(Box<Request<RequestBody<B>>>, Box<Exchange>),
    Refused { grpc: bool },
}

impl<I, B, R> ResponseFuture<I, B, R>
where
    I: Service<Request<RequestBody<B>>>,
    B: Body,
    R: Body,
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

impl<I, B, R> Future for ResponseFuture<I, B, R>
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
        if let StateProjection::Handling { future, watch } = this.state.as_mut().project() {
            watch.enter();
            let polled = future.poll(cx);
            watch.leave();
            let polled = ready!(polled);
            let mut watch = std::mem::replace(watch, Watch::Nothing);
            let (settling, ended) = match polled {
                Ok(response) => {
                    let response = headed(response, &mut watch, this.request_id.take());
                    let over = *this.to_head || is_bodiless(&response);
                    (if over { watch.finish() } else { None }, Ok(response))
                }
                Err(error) => (watch.fail(Outcome::of_error(&error)), Err(error)),
            };
            match (settling, ended) {
                (Some(settling), ended) => {
                    this.state.as_mut().set(State::Settling { settling, ended: Some(ended) });
                }
                (None, Ok(response)) if watch.may_wait() => {
                    let ahead = Ahead::new(passed(response, watch));
                    this.state.as_mut().set(State::Ahead { ahead });
                }
                (None, ended) => {
                    return Poll::Ready(ended.map(|response| passed(response, watch)));
                }
            }
        }
        if let StateProjection::Ahead { ahead } = this.state.as_mut().project() {
            return ahead.poll(cx).map(Ok);
        }
        if let StateProjection::Settling { settling, ended } = this.state.project() {
            ready!(Pin::new(settling).poll(cx));
            if let Some(ended) = ended.take() {
                return Poll::Ready(ended.map(|response| passed(response, Watch::Nothing)));
            }
        }
        Poll::Pending
    }
}

/// The answer with the id of its request, and its head looked at.
fn headed<R>(
    response: Response<R>,
    watch: &mut Watch,
    request_id: Option<HeaderValue>,
) -> Response<R> {
    let (mut parts, body) = response.into_parts();
    if let Some(request_id) = request_id {
        parts.headers.insert(request_id::HEADER, request_id);
    }
    watch.head(&parts);
    Response::from_parts(parts, body)
}

/// Whether there is nothing to come after the head.
fn is_bodiless<R: Body>(response: &Response<R>) -> bool {
    let status = response.status();
    status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || response.body().is_end_stream()
        || whole_length(response) == Some(0)
}

/// The bytes of the answer that there will be, where the handler or its body knows. Servers announce
/// what the body knows where no header does, and then ask for no more than that; but with gRPC, whose
/// trailers come after it.
fn whole_length<R: Body>(response: &Response<R>) -> Option<u64> {
    let known = || response.body().size_hint().exact();
    length(response.headers()).or_else(|| known().filter(|_| !grpc::is_grpc(response.headers())))
}

/// The answer of the handler, which is watched until its end.
fn passed<R: Body>(response: Response<R>, watch: Watch) -> Response<ResponseBody<R>> {
    let length = whole_length(&response);
    response.map(|body| ResponseBody::new(body, watch, length))
}

/// Shows nothing of the request.
impl<I, B, R> fmt::Debug for ResponseFuture<I, B, R>
where
    I: Service<Request<RequestBody<B>>>,
    B: Body,
    R: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
