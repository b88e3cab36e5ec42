//! The body of a response, observed on its way to the caller. Its end is the end of the request.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::capture::deliver::pending::PendingDelivery;
use crate::capture::observe::observation::Observation;
use crate::capture::record::outcome::Outcome;

pin_project! {
    /// The body of a response, streamed to the caller.
    ///
    /// When it ends, fails or is dropped, the record is submitted. The last frame is held back until a spooled
    /// record is durable.
    pub struct ResponseBody<R>
    where
        R: Body,
    {
        #[pin]
        inner: Inner<R>,
        observation: Observation,
        // Remaining bytes, if the length is known.
        remaining: Option<u64>,
        held: Option<Held<R>>,
    }
}

/// The last frame, or the end of the stream, and the delivery it waits for.
struct Held<R: Body> {
    delivery: PendingDelivery,
    frame: Option<Result<Frame<R::Data>, R::Error>>,
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<R>
    where
        R: Body,
    {
        Streamed { #[pin] body: R },
        // The first frames were read already.
        Buffered { frames: Frames<R>, ended: bool, rest: Pin<Box<ResponseBody<R>>> },
        // A response of the layer itself.
        Generated { bytes: Option<Bytes> },
    }
}

/// Frames of a response, in order.
pub(crate) type Frames<R> = VecDeque<Result<Frame<<R as Body>::Data>, <R as Body>::Error>>;

impl<R: Body> ResponseBody<R> {
    pub(crate) fn new(body: R, observation: Observation, length: Option<u64>) -> Self {
        Self { inner: Inner::Streamed { body }, observation, remaining: length, held: None }
    }

    /// A body whose first frames, and perhaps its end, were read already.
    pub(crate) fn buffered(frames: Frames<R>, ended: bool, rest: Pin<Box<Self>>) -> Self {
        Self::unobserved(Inner::Buffered { frames, ended, rest })
    }

    pub(crate) fn generated(bytes: Bytes) -> Self {
        Self::unobserved(Inner::Generated { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) })
    }

    fn unobserved(inner: Inner<R>) -> Self {
        Self { inner, observation: Observation::Nothing, remaining: None, held: None }
    }

    /// Whether the body is complete and waits for its record.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

impl<R> Body for ResponseBody<R>
where
    R: Body,
    R::Data: From<Bytes>,
{
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let this = self.project();
        if let Some(held) = this.held {
            ready!(Pin::new(&mut held.delivery).poll(cx));
            return Poll::Ready(this.held.take().and_then(|held| held.frame));
        }
        let mut body = match this.inner.project() {
            InnerProjection::Streamed { body } => body,
            InnerProjection::Buffered { frames, ended, rest } => {
                return match frames.pop_front() {
                    None if !*ended => rest.as_mut().poll_frame(cx),
                    frame => Poll::Ready(frame),
                };
            }
            InnerProjection::Generated { bytes } => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes.into()))));
            }
        };
        this.observation.enter();
        let polled = body.as_mut().poll_frame(cx);
        this.observation.leave();
        let frame = ready!(polled);
        let delivery = match &frame {
            None => this.observation.finish(),
            Some(Err(_)) => this.observation.fail(Outcome::Error),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.observation.data(data);
                    let length = data.remaining() as u64;
                    *this.remaining = this.remaining.map(|left| left.saturating_sub(length));
                }
                if let Some(trailers) = frame.trailers_ref() {
                    this.observation.trailers(trailers);
                }
                // Servers do not poll again once they have the announced length.
                let last = frame.is_trailers() || *this.remaining == Some(0);
                if last || body.is_end_stream() { this.observation.finish() } else { None }
            }
        };
        if let Some(mut delivery) = delivery
            && Pin::new(&mut delivery).poll(cx).is_pending()
        {
            *this.held = Some(Held { delivery, frame });
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        if self.held.is_some() {
            return false;
        }
        match &self.inner {
            Inner::Streamed { body } => body.is_end_stream(),
            Inner::Buffered { frames, rest, .. } => frames.is_empty() && rest.is_end_stream(),
            Inner::Generated { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Streamed { body } => plus(
                &body.size_hint(),
                self.held.as_ref().and_then(|held| held.frame.as_ref()).map_or(0, length),
            ),
            Inner::Buffered { frames, rest, .. } => {
                plus(&rest.size_hint(), frames.iter().map(length).sum())
            }
            Inner::Generated { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// An empty body that belongs to no request, for middleware that responds by itself.
impl<R: Body> Default for ResponseBody<R> {
    fn default() -> Self {
        Self::unobserved(Inner::Generated { bytes: None })
    }
}

/// The bytes of data in a frame.
pub(crate) fn length<D: Buf, E>(frame: &Result<Frame<D>, E>) -> u64 {
    let data = frame.as_ref().ok().and_then(Frame::data_ref);
    data.map_or(0, |data| data.remaining() as u64)
}

/// The size hint of a body, plus the bytes that were already taken from it.
pub(super) fn plus(rest: &SizeHint, bytes: u64) -> SizeHint {
    let mut hint = SizeHint::new();
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper.saturating_add(bytes));
    }
    hint.set_lower(rest.lower().saturating_add(bytes));
    hint
}

/// Omits the body.
impl<R: Body> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
