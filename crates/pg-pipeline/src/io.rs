//! Writing and reading messages at the same time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use tokio::io::AsyncWrite;
use tokio_util::io::{poll_read_buf, poll_write_buf};

use crate::error::Error;
use crate::stream::Stream;

/// Room that a read makes in the buffer; most answers fit.
const READ_BYTES: usize = 8 * 1_024;
/// The longest message that is accepted. A row may be large, but a length beyond this is no row: the
/// server itself holds values to 1 GiB, and rows of ours to a few hundred KiB.
const MESSAGE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// A socket with its buffers.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    received: BytesMut,
    /// Messages that are to be written.
    pub(crate) outgoing: BytesMut,
    /// Whether something was written that TLS may still hold.
    unflushed: bool,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, received: BytesMut::new(), outgoing: BytesMut::new(), unflushed: false }
    }

    /// Writes what is there to write and waits for the next message.
    ///
    /// Both at the same time: a server that answers a lot, with the notices of a trigger say, stops
    /// reading until its answers are read.
    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.parse()? {
                return Ok(message);
            }
            poll_fn(|cx| self.poll_exchange(cx)).await?;
        }
    }

    /// Writes all there is to write, and keeps what arrives meanwhile.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        while !self.outgoing.is_empty() || self.unflushed {
            poll_fn(|cx| match self.poll_write(cx) {
                Poll::Ready(written) => Poll::Ready(written),
                Poll::Pending => self.poll_read(cx),
            })
            .await?;
        }
        Ok(())
    }

    /// A message that has been received already.
    pub(crate) fn parse(&mut self) -> Result<Option<Message>, Error> {
        if let Some(length) = self.received.get(1..5) {
            let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            if length > MESSAGE_BYTES_MAX {
                return Err(Error::Protocol(format!("a message of {length} bytes")));
            }
        }
        Message::parse(&mut self.received).map_err(|error| Error::Protocol(error.to_string()))
    }

    /// Ready once something was read; writes as far as possible before.
    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Err(error));
        }
        self.poll_read(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            self.unflushed = true;
            if ready!(poll_write_buf(Pin::new(&mut self.stream), cx, &mut self.outgoing))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.received.reserve(READ_BYTES);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.received))? {
            0 => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection",
            ))),
            _ => Poll::Ready(Ok(())),
        }
    }
}
