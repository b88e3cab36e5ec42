//! The beginning of an answer whose end may have to wait.
//!
//! A whole answer waits with its head, so that both leave together. Were the head sent first, the last part
//! would wait for the caller to acknowledge it: for 40 ms and more on sockets without `TCP_NODELAY`.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use http_body::Body;

use crate::body::{Frames, ResponseBody, length};

/// Most bytes, and parts, of an answer that are taken before its head is passed on.
const AHEAD_MAX_BYTES: u64 = 64 * 1024;
const AHEAD_MAX_PARTS: usize = 64;

/// An answer of which as much is taken as is there at once.
pub(super) struct Ahead<R: Body> {
    // Until it is passed on.
    answer: Option<(Parts, Pin<Box<ResponseBody<R>>>)>,
    taken: Frames<R>,
    bytes: u64,
}

impl<R> Ahead<R>
where
    R: Body,
    R::Data: From<Bytes>,
{
    pub(super) fn new(response: Response<ResponseBody<R>>) -> Self {
        let (parts, body) = response.into_parts();
        Self { answer: Some((parts, Box::pin(body))), taken: Frames::<R>::new(), bytes: 0 }
    }

    /// The answer, once its end has waited or is not there yet.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<ResponseBody<R>>> {
        let Some((_, rest)) = &mut self.answer else {
            return Poll::Pending;
        };
        let mut ended = false;
        while !ended && self.bytes < AHEAD_MAX_BYTES && self.taken.len() < AHEAD_MAX_PARTS {
            match rest.as_mut().poll_frame(cx) {
                Poll::Pending if rest.is_held() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(None) => ended = true,
                Poll::Ready(Some(part)) => {
                    self.bytes += length(&part);
                    ended = part.is_err() || rest.is_end_stream();
                    self.taken.push_back(part);
                }
            }
        }
        let Some((parts, rest)) = self.answer.take() else {
            return Poll::Pending;
        };
        let body = ResponseBody::begun(std::mem::take(&mut self.taken), ended, rest);
        Poll::Ready(Response::from_parts(parts, body))
    }
}
