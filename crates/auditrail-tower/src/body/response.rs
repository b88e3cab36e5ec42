//! The body of an answer on its way to the caller. Its end is the end of the request.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::capture::outcome::Outcome;
use crate::capture::settling::Settling;
use crate::capture::watch::Watch;

pin_project! {
    /// The body of an answer, passed on to the caller as it comes.
    ///
    /// When it ends, fails or is dropped, the request leaves its record. Its last part is kept back until
    /// a record that is spooled is durable.
    pub struct ResponseBody<R>
    where
        R: Body,
    {
        #[pin]
        inner: Inner<R>,
        watch: Watch,
        // Bytes still to come, where the answer announced how many.
        remaining: Option<u64>,
        held: Option<Held<R>>,
    }
}

/// The last part of an answer, or that there was none any more, and what it waits for.
struct Held<R: Body> {
    settling: Settling,
    frame: Option<Result<Frame<R::Data>, R::Error>>,
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<R>
    where
        R: Body,
    {
        Passed { #[pin] body: R },
        // Of which the first parts are there already.
        Begun { ahead: Frames<R>, ended: bool, rest: Pin<Box<ResponseBody<R>>> },
        // An answer of the layer itself.
        Own { bytes: Option<Bytes> },
    }
}

/// Parts of an answer, in their order.
pub(crate) type Frames<R> = VecDeque<Result<Frame<<R as Body>::Data>, <R as Body>::Error>>;

impl<R: Body> ResponseBody<R> {
    pub(crate) fn new(body: R, watch: Watch, length: Option<u64>) -> Self {
        Self { inner: Inner::Passed { body }, watch, remaining: length, held: None }
    }

    /// A body of which these parts were taken already, and perhaps its end.
    pub(crate) fn begun(ahead: Frames<R>, ended: bool, rest: Pin<Box<Self>>) -> Self {
        Self::unwatched(Inner::Begun { ahead, ended, rest })
    }

    pub(crate) fn own(bytes: Bytes) -> Self {
        Self::unwatched(Inner::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) })
    }

    fn unwatched(inner: Inner<R>) -> Self {
        Self { inner, watch: Watch::Nothing, remaining: None, held: None }
    }

    /// Whether all of it is there, and it waits for its record.
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
            ready!(Pin::new(&mut held.settling).poll(cx));
            return Poll::Ready(this.held.take().and_then(|held| held.frame));
        }
        let mut body = match this.inner.project() {
            InnerProjection::Passed { body } => body,
            InnerProjection::Begun { ahead, ended, rest } => {
                return match ahead.pop_front() {
                    None if !*ended => rest.as_mut().poll_frame(cx),
                    part => Poll::Ready(part),
                };
            }
            InnerProjection::Own { bytes } => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes.into()))));
            }
        };
        this.watch.enter();
        let polled = body.as_mut().poll_frame(cx);
        this.watch.leave();
        let frame = ready!(polled);
        let settling = match &frame {
            None => this.watch.finish(),
            Some(Err(_)) => this.watch.fail(Outcome::Error),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.watch.data(data);
                    let length = data.remaining() as u64;
                    *this.remaining = this.remaining.map(|left| left.saturating_sub(length));
                }
                if let Some(trailers) = frame.trailers_ref() {
                    this.watch.trailers(trailers);
                }
                // Servers do not ask again once they have all they need.
                let last = frame.is_trailers() || *this.remaining == Some(0);
                if last || body.is_end_stream() { this.watch.finish() } else { None }
            }
        };
        if let Some(mut settling) = settling
            && Pin::new(&mut settling).poll(cx).is_pending()
        {
            *this.held = Some(Held { settling, frame });
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        if self.held.is_some() {
            return false;
        }
        match &self.inner {
            Inner::Passed { body } => body.is_end_stream(),
            Inner::Begun { ahead, rest, .. } => ahead.is_empty() && rest.is_end_stream(),
            Inner::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Passed { body } => plus(
                &body.size_hint(),
                self.held.as_ref().and_then(|held| held.frame.as_ref()).map_or(0, length),
            ),
            Inner::Begun { ahead, rest, .. } => {
                plus(&rest.size_hint(), ahead.iter().map(length).sum())
            }
            Inner::Own { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// An empty body, which belongs to no request. Layers that answer for others ask for one.
impl<R: Body> Default for ResponseBody<R> {
    fn default() -> Self {
        Self::unwatched(Inner::Own { bytes: None })
    }
}

/// The bytes of data in a part.
pub(crate) fn length<D: Buf, E>(part: &Result<Frame<D>, E>) -> u64 {
    let data = part.as_ref().ok().and_then(Frame::data_ref);
    data.map_or(0, |data| data.remaining() as u64)
}

/// What a body says is still to come, and so many bytes that were taken from it already.
pub(super) fn plus(rest: &SizeHint, bytes: u64) -> SizeHint {
    let mut hint = SizeHint::new();
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper.saturating_add(bytes));
    }
    hint.set_lower(rest.lower().saturating_add(bytes));
    hint
}

/// Shows nothing of the body.
impl<R: Body> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
