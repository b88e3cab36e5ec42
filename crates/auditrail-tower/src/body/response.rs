//! The body of an answer on its way to the caller. Its end is the end of the request.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::capture::outcome::Outcome;
use crate::capture::watch::Watch;

pin_project! {
    /// The body of an answer, passed on to the caller as it comes.
    ///
    /// When it ends, fails or is dropped, the request leaves its record.
    pub struct ResponseBody<R> {
        #[pin]
        inner: Inner<R>,
        watch: Watch,
        // Bytes still to come, where the answer announced how many.
        remaining: Option<u64>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<R> {
        Passed { #[pin] body: R },
        // An answer of the layer itself.
        Own { bytes: Option<Bytes> },
    }
}

impl<R: Body> ResponseBody<R> {
    /// `has_body` is false for answers that have none whatever the handler gave: to HEAD, 204, 304.
    pub(crate) fn new(body: R, mut watch: Watch, length: Option<u64>, has_body: bool) -> Self {
        if !has_body || body.is_end_stream() || length == Some(0) {
            watch.finish();
        }
        Self { inner: Inner::Passed { body }, watch, remaining: length }
    }

    pub(crate) fn own(bytes: Bytes) -> Self {
        Self {
            inner: Inner::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) },
            watch: Watch::Nothing,
            remaining: None,
        }
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
        let mut body = match this.inner.project() {
            InnerProjection::Passed { body } => body,
            InnerProjection::Own { bytes } => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes.into()))));
            }
        };
        this.watch.enter();
        let polled = body.as_mut().poll_frame(cx);
        this.watch.leave();
        let frame = ready!(polled);
        match &frame {
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
                if frame.is_trailers() || *this.remaining == Some(0) || body.is_end_stream() {
                    this.watch.finish();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Passed { body } => body.is_end_stream(),
            Inner::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Passed { body } => body.size_hint(),
            Inner::Own { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// An empty body, which belongs to no request. Layers that answer for others ask for one.
impl<R> Default for ResponseBody<R> {
    fn default() -> Self {
        Self { inner: Inner::Own { bytes: None }, watch: Watch::Nothing, remaining: None }
    }
}

/// Shows nothing of the body.
impl<R> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
