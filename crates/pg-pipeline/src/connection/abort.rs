//! Ending a session whose statement is still running.

use std::io;

use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Connection;
use crate::error::Error;
use crate::io::Wire;
use crate::stream::Stream;

/// Size of the buffer for discarded responses.
const DISCARD_BYTES: usize = 8 * 1_024;

impl Connection {
    /// Cancels the running statement, and returns when the server has ended the session.
    ///
    /// A server notices a closed socket only when it next reads or writes, so a statement that waits for a lock or
    /// sorts would continue without a client. The request to cancel ("Canceling Requests in Progress" in chapter
    /// "Message Flow" of PostgreSQL's documentation) takes a second connection, and reaches the server through
    /// poolers too. There is no timeout; wrap the future in one.
    ///
    /// # Errors
    /// If either connection fails; the session may still be running.
    pub async fn abort(mut self) -> Result<(), Error> {
        self.send_cancel().await?;
        frontend::terminate(&mut self.wire.outgoing);
        self.wire.flush().await?;
        self.discard_responses().await
    }

    async fn send_cancel(&self) -> Result<(), Error> {
        let Some(key) = self.cancel_key else {
            return Ok(());
        };
        let mut wire = Wire::new(Stream::connect(&self.options).await?);
        frontend::cancel_request(key.process_id, key.secret, &mut wire.outgoing);
        wire.flush().await?;
        // The server handles the request before it closes the connection, and does not respond.
        wire.stream.shutdown().await?;
        drain(&mut wire.stream).await
    }

    /// Reads until the server closes the connection.
    async fn discard_responses(&mut self) -> Result<(), Error> {
        drain(&mut self.wire.stream).await
    }
}

async fn drain(stream: &mut Stream) -> Result<(), Error> {
    let mut buffer = vec![0; DISCARD_BYTES];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // A session that ends while data is in flight resets the connection, and may omit the end of TLS.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}
