//! The bytes of a connection: how fast its client reads, and its end.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, timeout};

use crate::connections::Connection;
use crate::limits::{LINGER_BYTES, LINGER_IDLE, LINGER_TIME};
use crate::pace::Pace;

/// A connection that fails if its client reads too slowly: a response is held in memory meanwhile, and an export
/// holds a snapshot.
#[derive(Debug)]
pub(super) struct Io {
    stream: Arc<TcpStream>,
    traffic: Arc<Traffic>,
    connection: Arc<Connection>,
    pace: Pace,
    /// Since when the client has taken no bytes.
    waiting_since: Option<Instant>,
    too_slow: Option<Pin<Box<Sleep>>>,
}

/// What happened on a connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// The client has closed its sending side.
    is_ended: AtomicBool,
    has_written: AtomicBool,
    has_failed: AtomicBool,
}

impl Io {
    pub(super) fn new(
        stream: Arc<TcpStream>,
        traffic: Arc<Traffic>,
        connection: Arc<Connection>,
        pace: Pace,
    ) -> Self {
        Self { stream, traffic, connection, pace, waiting_since: None, too_slow: None }
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.connection.set_sending(true);
        let result = loop {
            match self.stream.poll_write_ready(cx) {
                Poll::Pending => {
                    ready!(self.poll_too_slow(cx));
                    break Err(io::ErrorKind::TimedOut.into());
                }
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Ready(Ok(())) => match write(&self.stream) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => break result,
                },
            }
        };
        match &result {
            Ok(bytes) => {
                self.traffic.has_written.store(true, Relaxed);
                if let Some(since) = self.waiting_since.take() {
                    self.pace.waited(since.elapsed());
                }
                self.pace.moved(*bytes);
            }
            Err(_) => self.traffic.has_failed.store(true, Relaxed),
        }
        Poll::Ready(result)
    }

    /// Waits until the client is too slow.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            let deadline = now + self.pace.allowance();
            match &mut self.too_slow {
                Some(sleep) => sleep.as_mut().reset(deadline),
                None => self.too_slow = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        match &mut self.too_slow {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) => {
                    self.traffic.is_ended.store(true, Relaxed);
                    return Poll::Ready(Ok(()));
                }
                result => return Poll::Ready(result.map(drop)),
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_with(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_with(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The HTTP library calls it when it has written everything.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.set_sending(false);
        Poll::Ready(Ok(()))
    }

    /// The connection is shut down by [`close`], whatever the HTTP library does.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Closes a connection such that its client gets the response.
///
/// If the client is still sending, as after the early refusal of a large body, closing at once would make the
/// kernel discard a response that the client has not read. So only the sending side is closed, and what arrives
/// is read and discarded for a while.
pub(super) async fn close(mut stream: TcpStream, traffic: &Traffic) {
    let is_pointless = traffic.is_ended.load(Relaxed)
        || traffic.has_failed.load(Relaxed)
        || !traffic.has_written.load(Relaxed);
    if is_pointless || tokio::io::AsyncWriteExt::shutdown(&mut stream).await.is_err() {
        return;
    }
    // The result does not matter: the connection is closed in any case.
    drop(timeout(LINGER_TIME, discard(&stream, LINGER_BYTES, LINGER_IDLE)).await);
}

/// Reads and discards bytes until the end, an error, or a limit.
async fn discard(stream: &TcpStream, most: usize, idle: Duration) {
    let mut buffer = vec![0; 16 * 1_024];
    let mut discarded = 0;
    while discarded < most {
        match timeout(idle, stream.readable()).await {
            Ok(Ok(())) => {}
            _ => return,
        }
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(bytes) => discarded += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// Completes when the client has closed its sending side and some time has passed, or reset the connection.
///
/// A client that is gone cannot be distinguished from one that only has nothing more to send. So a read that
/// takes long is abandoned for either of them.
pub(super) async fn gone(stream: &TcpStream, after: Duration) {
    loop {
        tokio::time::sleep(after).await;
        if is_gone(stream) {
            return;
        }
    }
}

/// Whether the client has closed its sending side, or reset the connection.
pub(super) fn is_gone(stream: &TcpStream) -> bool {
    let ready = stream.ready(tokio::io::Interest::READABLE).now_or_never();
    matches!(ready, Some(Ok(ready)) if ready.is_read_closed())
}
