//! The body of a request on its way to the handler.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::response::plus;
use crate::capture::tap::Tap;

/// Most parts of a body that are kept until the intent is written: each takes more room than the byte that
/// may be in it.
const PARTS_MAX: usize = 4_096;

pin_project! {
    /// The body of a request, passed on to the handler as it comes.
    ///
    /// Where a rule needs it, at most 64 KiB of JSON are copied on the way.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: Inner<B>,
        // What was read for an intent, and is still to be given to the handler.
        read: VecDeque<Result<Frame<B::Data>, B::Error>>,
        tap: Option<Tap>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<B> {
        Plain { #[pin] body: B },
        // Was polled already, so it stays where it is.
        Pinned { body: Pin<Box<B>> },
    }
}

impl<B: Body> RequestBody<B> {
    pub(crate) fn new(body: B, tap: Option<Tap>) -> Self {
        Self { inner: Inner::Plain { body }, read: VecDeque::new(), tap }
    }

    /// Reads the body before the handler does, as far as the record can use it.
    pub(crate) async fn read_ahead(body: B, tap: Tap) -> Self {
        let mut body = Box::pin(body);
        let mut read = VecDeque::new();
        while tap.copied().is_open() && !body.is_end_stream() {
            let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else {
                break;
            };
            let failed = frame.is_err();
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                if !data.has_remaining() {
                    // HTTP/2 lets a caller send as many of these as he likes.
                    continue;
                }
                tap.copied().push(data);
            }
            read.push_back(frame);
            if read.len() == PARTS_MAX {
                tap.copied().give_up();
            }
            if failed {
                return Self { inner: Inner::Pinned { body }, read, tap: None };
            }
        }
        tap.copied().end();
        Self { inner: Inner::Pinned { body }, read, tap: None }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if let Some(frame) = this.read.pop_front() {
            return Poll::Ready(Some(frame));
        }
        let mut inner: Pin<&mut B> = match this.inner.project() {
            InnerProjection::Plain { body } => body,
            InnerProjection::Pinned { body } => body.as_mut(),
        };
        let frame = ready!(inner.as_mut().poll_frame(cx));
        if let Some(tap) = this.tap {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        tap.copied().push(data);
                    }
                    if inner.is_end_stream() {
                        tap.copied().end();
                    }
                }
                None => tap.copied().end(),
                Some(Err(_)) => {}
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.inner.get().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let read: u64 = read.map(|data| data.remaining() as u64).sum();
        plus(&self.inner.get().size_hint(), read)
    }
}

impl<B> Inner<B> {
    fn get(&self) -> &B {
        match self {
            Self::Plain { body } => body,
            Self::Pinned { body } => body,
        }
    }
}

/// Shows nothing of the body.
impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}
