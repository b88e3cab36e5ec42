//! A session, and the statements prepared in it.

mod abort;
mod prepared;

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt;

use crate::error::Error;
use crate::io::Wire;
use crate::options::Options;
use crate::startup::{self, CancelKey, Session};
use crate::stream::Stream;
pub(crate) use prepared::{Preparation, PreparedStatements};

/// Maximum capacity of the outgoing buffer between exchanges.
const OUTGOING_KEPT: usize = 256 * 1_024;

/// A session with the server.
///
/// If the future of an [`Exchange`](crate::Exchange) is dropped early, responses are left unread:
/// [`is_usable`](Self::is_usable) is `false` from then on, and every exchange fails.
pub struct Connection {
    pub(crate) wire: Wire,
    pub(crate) prepared: PreparedStatements,
    /// `I` idle, `T` in a transaction, `E` in a failed transaction.
    pub(crate) status: u8,
    /// Whether an exchange has started and not ended.
    pub(crate) in_exchange: bool,
    session_user: String,
    /// None if the server, or a pooler in between, did not provide it.
    cancel_key: Option<CancelKey>,
    /// The address of the server, to send requests to cancel to.
    options: Arc<Options>,
}

impl Connection {
    /// Connects and authenticates. There is no timeout; wrap the future in one.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Server`] if the server rejects the connection.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let mut wire = Wire::new(Stream::connect(options).await?);
        let Session { status, session_user, cancel_key } =
            startup::begin(&mut wire, options).await?;
        let prepared = PreparedStatements::new(options.statements_max);
        let session_user = session_user.unwrap_or_else(|| options.user.clone());
        let options = Arc::new(options.clone());
        let in_exchange = false;
        Ok(Self { wire, prepared, status, in_exchange, session_user, cancel_key, options })
    }

    /// The role that authenticated, as the server reported it at the start: what SQL calls `session_user`.
    /// If a pooler in between did not report it, the user of the options.
    #[must_use]
    pub fn session_user(&self) -> &str {
        &self.session_user
    }

    /// Whether the connection is idle, outside of a transaction.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        !self.in_exchange && self.status == b'I'
    }

    /// Whether a transaction is open, including a failed one.
    #[must_use]
    pub const fn is_in_transaction(&self) -> bool {
        self.status != b'I'
    }

    /// Whether an exchange was dropped before it ended, so that the connection is unusable.
    #[must_use]
    pub const fn is_abandoned(&self) -> bool {
        self.in_exchange
    }

    /// Terminates the session.
    ///
    /// # Errors
    /// If the connection failed; committed transactions are not affected.
    pub async fn close(mut self) -> Result<(), Error> {
        frontend::terminate(&mut self.wire.outgoing);
        self.wire.flush().await?;
        Ok(self.wire.stream.shutdown().await?)
    }

    /// Releases the memory of a large exchange.
    pub(crate) fn trim(&mut self) {
        if self.wire.outgoing.is_empty() && self.wire.outgoing.capacity() > OUTGOING_KEPT {
            self.wire.outgoing = BytesMut::new();
        }
    }
}

/// Omits the secret of the session.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session_user", &self.session_user)
            .field("status", &char::from(self.status))
            .field("in_exchange", &self.in_exchange)
            .finish_non_exhaustive()
    }
}
