//! The socket under a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use crate::error::Error;
use crate::options::{Host, Options, TlsMode};
use crate::tls;

/// A connected socket, encrypted or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects, and encrypts the connection as the options require.
    pub(crate) async fn connect(options: &Options) -> Result<Self, Error> {
        let (host, port) = match &options.host {
            Host::Unix(path) => return Ok(Self::Unix(UnixStream::connect(path).await?)),
            Host::Tcp(host, port) => (host.as_str(), *port),
        };
        let mut tcp = TcpStream::connect((host, port)).await?;
        // An exchange is buffered before it is written, so Nagle's algorithm only delays it. Without this, the second
        // of two writes waits for the peer's delayed acknowledgement, some 40 ms.
        tcp.set_nodelay(true)?;
        match options.tls {
            TlsMode::Disable => return Ok(Self::Tcp(tcp)),
            TlsMode::Prefer if !tls::is_offered(&mut tcp).await? => return Ok(Self::Tcp(tcp)),
            TlsMode::Prefer => {}
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => {
                if !tls::is_offered(&mut tcp).await? {
                    return Err(Error::Tls("the server does not offer it".to_owned()));
                }
            }
        }
        Ok(Self::Tls(Box::new(tls::handshake(tcp, host, options).await?)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn tcp_writes_are_sent_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut options = Options::new(Host::Tcp("127.0.0.1".to_owned(), port), "u");
        options.tls = TlsMode::Disable;
        let Stream::Tcp(stream) = Stream::connect(&options).await.unwrap() else {
            panic!("not a TCP connection");
        };
        assert!(stream.nodelay().unwrap());
    }
}
