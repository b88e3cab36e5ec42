//! Buffers the start of a response whose end may have to wait.
//!
//! A complete response waits together with its head, so that both are sent at once. If the head were sent first,
//! the last frame would wait for its TCP acknowledgement, 40 ms and more on sockets without `TCP_NODELAY`.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use http_body::Body;

use crate::body::{Frames, ResponseBody, length};

/// Limits of what is buffered before the head is sent.
const BUFFERED_MAX_BYTES: u64 = 64 * 1024;
const BUFFERED_MAX_FRAMES: usize = 64;

/// A response of which the frames that are immediately available are buffered.
pub(super) struct BufferedResponse<R: Body> {
    // `None` once the response is returned.
    response: Option<(Parts, Pin<Box<ResponseBody<R>>>)>,
    frames: Frames<R>,
    bytes: u64,
}

impl<R> BufferedResponse<R>
where
    R: Body,
    R::Data: From<Bytes>,
{
    pub(super) fn new(response: Response<ResponseBody<R>>) -> Self {
        let (parts, body) = response.into_parts();
        Self { response: Some((parts, Box::pin(body))), frames: Frames::<R>::new(), bytes: 0 }
    }

    /// The response, once its record is durable, or as soon as no further frame is available.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<ResponseBody<R>>> {
        let Some((_, rest)) = &mut self.response else {
            return Poll::Pending;
        };
        let mut ended = false;
        while !ended && self.bytes < BUFFERED_MAX_BYTES && self.frames.len() < BUFFERED_MAX_FRAMES {
            match rest.as_mut().poll_frame(cx) {
                Poll::Pending if rest.is_held() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(None) => ended = true,
                Poll::Ready(Some(frame)) => {
                    self.bytes += length(&frame);
                    ended = frame.is_err() || rest.is_end_stream();
                    self.frames.push_back(frame);
                }
            }
        }
        let Some((parts, rest)) = self.response.take() else {
            return Poll::Pending;
        };
        let body = ResponseBody::buffered(std::mem::take(&mut self.frames), ended, rest);
        Poll::Ready(Response::from_parts(parts, body))
    }
}
