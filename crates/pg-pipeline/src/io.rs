//! Concurrent writing and reading of messages.

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

/// Capacity that a read reserves in the buffer; most responses fit.
const READ_BYTES: usize = 8 * 1_024;
/// Maximum length of a message. Values of the server are limited to 1 GiB, and expected rows are a few hundred KiB;
/// a longer message is invalid.
const MESSAGE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// A socket with its buffers.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    received: BytesMut,
    /// Messages to be written.
    pub(crate) outgoing: BytesMut,
    /// Whether TLS may have buffered written data.
    unflushed: bool,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, received: BytesMut::new(), outgoing: BytesMut::new(), unflushed: false }
    }

    /// Writes the outgoing messages, and waits for the next received one.
    ///
    /// Both concurrently: a server with large responses, such as notices of a trigger, stops reading until they
    /// are read.
    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.parse()? {
                return Ok(message);
            }
            poll_fn(|cx| self.poll_exchange(cx)).await?;
        }
    }

    /// Writes all outgoing messages, and buffers what is received meanwhile.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        while !self.outgoing.is_empty() || self.unflushed {
            poll_fn(|cx| match self.poll_write(cx) {
                Poll::Ready(result) => Poll::Ready(result),
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

    /// Ready once data was read; writes as much as possible first.
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
