//! The body of a request, observed on its way to the handler.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::response::plus;
use crate::capture::record::body_capture::BodyCapture;

/// Maximum frames that are buffered until the intent is recorded: a frame takes far more memory than the single
/// byte it may hold.
const FRAMES_MAX: usize = 4_096;

pin_project! {
    /// The body of a request, streamed to the handler.
    ///
    /// If a rule needs it, JSON of at most 64 KiB is copied.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: Inner<B>,
        // Frames that were read for an intent, and are due to the handler.
        read: VecDeque<Result<Frame<B::Data>, B::Error>>,
        capture: Option<BodyCapture>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<B> {
        Plain { #[pin] body: B },
        // Polled already, so it must not move.
        Pinned { body: Pin<Box<B>> },
    }
}

impl<B: Body> RequestBody<B> {
    pub(crate) fn new(body: B, capture: Option<BodyCapture>) -> Self {
        Self { inner: Inner::Plain { body }, read: VecDeque::new(), capture }
    }

    /// Buffers the body for the intent, up to the limits of a capture.
    pub(crate) async fn read_ahead(body: B, capture: BodyCapture) -> Self {
        let mut body = Box::pin(body);
        let mut read = VecDeque::new();
        while capture.lock().is_open() && !body.is_end_stream() {
            let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else {
                break;
            };
            let failed = frame.is_err();
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                if !data.has_remaining() {
                    // HTTP/2 does not limit the number of empty frames.
                    continue;
                }
                capture.lock().push(data);
            }
            read.push_back(frame);
            if read.len() == FRAMES_MAX {
                capture.lock().discard();
            }
            if failed {
                return Self { inner: Inner::Pinned { body }, read, capture: None };
            }
        }
        capture.lock().end();
        Self { inner: Inner::Pinned { body }, read, capture: None }
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
        if let Some(capture) = this.capture {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        capture.lock().push(data);
                    }
                    if inner.is_end_stream() {
                        capture.lock().end();
                    }
                }
                None => capture.lock().end(),
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

/// Omits the body.
impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}
