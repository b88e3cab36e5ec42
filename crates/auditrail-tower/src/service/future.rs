//! The future of a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::Service;

use super::buffered::BufferedResponse;
use super::refusal::{self, Refusal};
use crate::body::{RequestBody, ResponseBody};
use crate::capture::deliver::pending::PendingDelivery;
use crate::capture::grpc;
use crate::capture::observe::exchange::Exchange;
use crate::capture::observe::intent::IntentWrite;
use crate::capture::observe::observation::Observation;
use crate::capture::observe::request_id;
use crate::capture::record::body_capture::{BodyCapture, length};
use crate::capture::record::outcome::Outcome;

pin_project! {
    /// The response of an [`AuditService`](crate::AuditService).
    pub struct ResponseFuture<I, B, R>
    where
        I: Service<Request<RequestBody<B>>>,
        B: Body,
        R: Body,
    {
        #[pin]
        state: State<I, B, R>,
        // `None` inside another audit layer, which sets the header.
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
        Handling { #[pin] future: I::Future, observation: Observation },
        // An error or a response without a body has no last frame to hold back.
        Delivering { delivery: PendingDelivery, result: Option<Result<I::Response, I::Error>> },
        // The head of a response whose end may have to wait.
        Buffering { buffered: BufferedResponse<R> },
    }
}

type Preparing<B> = Pin<Box<dyn Future<Output = Prepared<B>> + Send>>;

/// The result of recording the intent.
enum Prepared<B: Body> {
    Proceed(Box<Request<RequestBody<B>>>, Box<Exchange>),
    Refused { refusal: Refusal, grpc: bool },
}

impl<I, B, R> ResponseFuture<I, B, R>
where
    I: Service<Request<RequestBody<B>>>,
    B: Body,
    R: Body,
{
    /// The response to a request that the inner service handles.
    pub(super) fn handling(
        future: I::Future,
        observation: Observation,
        request_id: Option<HeaderValue>,
        to_head: bool,
    ) -> Self {
        Self { state: State::Handling { future, observation }, request_id, to_head }
    }

    /// The response to a request that is rejected, or whose intent is recorded first.
    pub(super) fn preparing(
        inner: I,
        parts: Parts,
        body: B,
        capture: Option<BodyCapture>,
        exchange: Box<Exchange>,
        request_id: HeaderValue,
    ) -> Self
    where
        B: Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        let to_head = parts.method == Method::HEAD;
        let preparing: Preparing<B> = Box::pin(prepare(parts, body, capture, exchange));
        let state = State::Preparing { preparing, inner };
        Self { state, request_id: Some(request_id), to_head }
    }
}

async fn prepare<B: Body>(
    parts: Parts,
    body: B,
    capture: Option<BodyCapture>,
    mut exchange: Box<Exchange>,
) -> Prepared<B> {
    let body = match capture {
        Some(capture) if exchange.intent_needs_body() && !exchange.is_refused_for_its_path() => {
            RequestBody::read_ahead(body, capture).await
        }
        capture => RequestBody::new(body, capture),
    };
    let grpc = grpc::is_grpc(&parts.headers);
    let refused = if exchange.is_refused_for_its_path() {
        Some(Refusal::AmbiguousPath)
    } else if exchange.lacks_required_target() {
        Some(Refusal::UnknownTarget)
    } else {
        None
    };
    if let Some(refusal) = refused {
        exchange.reject(refusal.status());
        return Prepared::Refused { refusal, grpc };
    }
    if !exchange.needs_intent() {
        return Prepared::Proceed(Box::new(Request::from_parts(parts, body)), exchange);
    }
    match IntentWrite::new(exchange).await {
        Some(exchange) => Prepared::Proceed(Box::new(Request::from_parts(parts, body)), exchange),
        None => Prepared::Refused { refusal: Refusal::Unavailable, grpc },
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
                Prepared::Proceed(request, exchange) => {
                    let mut observation = Observation::Exchange(exchange);
                    observation.enter();
                    let future = inner.call(*request);
                    observation.leave();
                    this.state.set(State::Handling { future, observation });
                }
                Prepared::Refused { refusal, grpc } => {
                    let id = this.request_id.as_ref();
                    return Poll::Ready(Ok(refusal::response(refusal, id, grpc)));
                }
            }
        }
        if let StateProjection::Handling { future, observation } = this.state.as_mut().project() {
            observation.enter();
            let polled = future.poll(cx);
            observation.leave();
            let polled = ready!(polled);
            let mut observation = std::mem::replace(observation, Observation::Nothing);
            let (delivery, result) = match polled {
                Ok(response) => {
                    let response =
                        with_request_id(response, &mut observation, this.request_id.take());
                    let is_complete = *this.to_head || is_bodiless(&response);
                    (if is_complete { observation.finish() } else { None }, Ok(response))
                }
                Err(error) => (observation.fail(Outcome::of_error(&error)), Err(error)),
            };
            match (delivery, result) {
                (Some(delivery), result) => {
                    this.state.as_mut().set(State::Delivering { delivery, result: Some(result) });
                }
                (None, Ok(response)) if observation.may_wait() => {
                    let buffered = BufferedResponse::new(observe_body(response, observation));
                    this.state.as_mut().set(State::Buffering { buffered });
                }
                (None, result) => {
                    return Poll::Ready(result.map(|response| observe_body(response, observation)));
                }
            }
        }
        if let StateProjection::Buffering { buffered } = this.state.as_mut().project() {
            return buffered.poll(cx).map(Ok);
        }
        if let StateProjection::Delivering { delivery, result } = this.state.project() {
            ready!(Pin::new(delivery).poll(cx));
            if let Some(result) = result.take() {
                return Poll::Ready(
                    result.map(|response| observe_body(response, Observation::Nothing)),
                );
            }
        }
        Poll::Pending
    }
}

/// Adds the request id to the response, and observes its head.
fn with_request_id<R>(
    response: Response<R>,
    observation: &mut Observation,
    request_id: Option<HeaderValue>,
) -> Response<R> {
    let (mut parts, body) = response.into_parts();
    if let Some(request_id) = request_id {
        parts.headers.insert(request_id::HEADER, request_id);
    }
    observation.head(&parts);
    Response::from_parts(parts, body)
}

/// Whether nothing follows the head.
fn is_bodiless<R: Body>(response: &Response<R>) -> bool {
    let status = response.status();
    status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || response.body().is_end_stream()
        || whole_length(response) == Some(0)
}

/// The length of the response, if a header or the body knows it. Servers announce the length of the body if no
/// header does, and stop polling there; except with gRPC, whose trailers follow.
fn whole_length<R: Body>(response: &Response<R>) -> Option<u64> {
    let known = || response.body().size_hint().exact();
    length(response.headers()).or_else(|| known().filter(|_| !grpc::is_grpc(response.headers())))
}

/// Observes the body of the response until its end.
fn observe_body<R: Body>(
    response: Response<R>,
    observation: Observation,
) -> Response<ResponseBody<R>> {
    let length = whole_length(&response);
    response.map(|body| ResponseBody::new(body, observation, length))
}

/// Omits the request.
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
