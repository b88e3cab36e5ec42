//! Exchanges: statements that are sent together.

use std::collections::VecDeque;
use std::io;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use crate::connection::{Connection, Preparation};
use crate::error::{Error, ServerError};
use crate::row::Row;
use crate::statement::{Parameter, Statement};

/// Bytes of a `COPY` that are buffered before sending. The server processes a part while the next is prepared, and
/// memory stays bounded.
const PART_BYTES: usize = 64 * 1_024;
/// The binary format, for all parameters and all columns.
const BINARY: [i16; 1] = [1];

/// Statements that are sent together, and executed by the server in order.
///
/// Unless the statements contain transaction control, the exchange is one transaction, which commits at its end.
/// After the first error, the server skips the rest and rolls back.
#[derive(Debug)]
pub struct Exchange<'c> {
    connection: &'c mut Connection,
    /// Statements whose preparation is not confirmed yet: text and name.
    parsing: VecDeque<(String, String)>,
    statements: usize,
    replies: Vec<Reply>,
    rows: Vec<Row>,
    /// Bytes of `rows`, and of all rows of the statement that were dropped.
    rows_bytes: usize,
    rows_max_bytes: usize,
    error: Option<Failed>,
}

/// The result of a statement.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Its rows, without those beyond [`Exchange::keep_rows`].
    pub rows: Vec<Row>,
    /// The number of rows that it wrote or returned, as reported by the server; 0 if it reports none.
    pub affected: u64,
}

/// An exchange failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// The index of the failed statement, from 0. Earlier ones were executed, and rolled back with the
    /// transaction unless it was committed before.
    pub statement: usize,
    /// The error.
    #[source]
    pub error: Error,
}

impl Connection {
    /// Starts an exchange.
    pub fn exchange(&mut self) -> Exchange<'_> {
        Exchange::new(self)
    }
}

impl<'c> Exchange<'c> {
    fn new(connection: &'c mut Connection) -> Self {
        let error = connection.in_exchange.then(|| Failed {
            statement: 0,
            error: Error::Protocol("an earlier exchange was abandoned".to_owned()),
        });
        connection.in_exchange = true;
        let mut exchange = Self {
            connection,
            parsing: VecDeque::new(),
            statements: 0,
            replies: Vec::new(),
            rows: Vec::new(),
            rows_bytes: 0,
            rows_max_bytes: usize::MAX,
            error,
        };
        while let Some(name) = exchange.connection.prepared.take_excess() {
            let closed = frontend::close(b'S', &name, exchange.outgoing());
            exchange.check_encoded(closed);
        }
        exchange
    }

    /// Keeps at most so many bytes of rows of each statement: the first row, and all that follow it within the
    /// limit. Later rows are received and dropped; they are counted in [`Reply::affected`].
    pub const fn keep_rows(&mut self, max_bytes: usize) {
        self.rows_max_bytes = max_bytes;
    }

    /// Adds a statement.
    pub fn execute(&mut self, statement: Statement<'_>, parameters: &[Parameter<'_>]) {
        self.statements += 1;
        let name = self.prepare(statement, parameters);
        let bound = frontend::bind(
            "",
            &name,
            BINARY,
            parameters,
            |parameter, out| match parameter.value {
                Some(value) => {
                    out.extend_from_slice(value);
                    Ok(IsNull::No)
                }
                None => Ok(IsNull::Yes),
            },
            BINARY,
            self.outgoing(),
        );
        self.check_encoded(bound.map_err(|error| match error {
            frontend::BindError::Serialization(error) => error,
            frontend::BindError::Conversion(error) => io::Error::other(error),
        }));
        let executed = frontend::execute("", 0, self.outgoing());
        self.check_encoded(executed);
    }

    /// Adds data of the last `COPY … FROM STDIN`: what `fill` appends. Its data and then
    /// [`copy_end`](Self::copy_end) must precede the next statement.
    pub fn copy_data(&mut self, fill: impl FnOnce(&mut BytesMut)) {
        let out = self.outgoing();
        let start = out.len();
        // The type of the message, and a placeholder of its length.
        out.extend_from_slice(b"d\0\0\0\0");
        fill(out);
        let length = u32::try_from(out.len() - start - 1).unwrap_or(u32::MAX);
        out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends the buffered messages if they exceed 64 KiB, so that a long `COPY` takes little memory.
    ///
    /// # Errors
    /// If the connection fails. An error of the server is returned by [`run`](Self::run).
    pub async fn send_much(&mut self) -> Result<(), Failed> {
        if self.outgoing().len() < PART_BYTES {
            return Ok(());
        }
        self.send().await
    }

    /// Ends the data of a `COPY`.
    pub fn copy_end(&mut self) {
        frontend::copy_done(self.outgoing());
    }

    /// Whether the exchange has failed already, so that further data is useless.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Sends the remaining messages, and waits for the replies: one for each statement.
    ///
    /// # Errors
    /// The first error. After an error of the server, the connection is still usable.
    pub async fn run(mut self) -> Result<Vec<Reply>, Failed> {
        frontend::sync(self.outgoing());
        let status = loop {
            let message = self.connection.wire.next().await.map_err(|error| self.fail(error))?;
            if let Some(status) = self.handle(message)? {
                break status;
            }
        };
        self.connection.status = status;
        self.connection.in_exchange = false;
        self.connection.trim();
        match self.error.take() {
            Some(failed) => Err(failed),
            None if self.replies.len() == self.statements => Ok(self.replies),
            None => Err(self.fail(Error::Protocol("replies are missing".to_owned()))),
        }
    }

    /// Sends the buffered messages, and handles the received ones.
    async fn send(&mut self) -> Result<(), Failed> {
        self.connection.wire.flush().await.map_err(|error| self.fail(error))?;
        while let Some(message) = self.parse()? {
            self.handle(message)?;
        }
        Ok(())
    }

    fn parse(&mut self) -> Result<Option<Message>, Failed> {
        self.connection.wire.parse().map_err(|error| self.fail(error))
    }

    /// Handles a message; returns the transaction status if it is the last one.
    fn handle(&mut self, message: Message) -> Result<Option<u8>, Failed> {
        match message {
            Message::ParseComplete => {
                if let Some((text, name)) = self.parsing.pop_front() {
                    self.connection.prepared.keep(text, name);
                }
            }
            Message::DataRow(body) => {
                self.rows_bytes = self.rows_bytes.saturating_add(body.buffer().len());
                if self.rows.is_empty() || self.rows_bytes <= self.rows_max_bytes {
                    let row = Row::read(&body).map_err(|error| self.fail(error))?;
                    self.rows.push(row);
                }
            }
            Message::CommandComplete(body) => {
                let tag = body.tag().unwrap_or_default();
                let affected = tag.rsplit(' ').next().and_then(|count| count.parse().ok());
                let rows = std::mem::take(&mut self.rows);
                self.rows_bytes = 0;
                self.replies.push(Reply { rows, affected: affected.unwrap_or_default() });
            }
            Message::EmptyQueryResponse => self.replies.push(Reply::default()),
            Message::ErrorResponse(body) => {
                let error = ServerError::read(body.fields())
                    .map_or_else(Error::Io, |error| Error::Server(Box::new(error)));
                if self.error.is_none() {
                    self.error = Some(self.fail(error));
                }
            }
            Message::ReadyForQuery(body) => return Ok(Some(body.status())),
            Message::BindComplete
            | Message::CloseComplete
            | Message::CopyInResponse(_)
            | Message::NoData
            | Message::NoticeResponse(_)
            | Message::NotificationResponse(_)
            | Message::ParameterStatus(_) => {}
            _ => return Err(self.fail(Error::unexpected("in an exchange"))),
        }
        Ok(None)
    }

    /// Returns the name of the prepared statement; prepares it if necessary.
    fn prepare(&mut self, statement: Statement<'_>, parameters: &[Parameter<'_>]) -> String {
        let Statement { text, is_kept } = statement;
        // The same text may occur twice in one exchange.
        let pending = self.parsing.iter().find(|(other, name)| other == text && !name.is_empty());
        if let Some((_, name)) = pending {
            return name.clone();
        }
        let preparation = if is_kept {
            self.connection.prepared.find(text)
        } else {
            Preparation::Needed(String::new())
        };
        match preparation {
            Preparation::Done(name) => name,
            Preparation::Needed(name) => {
                let types = parameters.iter().map(|parameter| parameter.oid);
                let parsed = frontend::parse(&name, text, types, self.outgoing());
                self.check_encoded(parsed);
                self.parsing.push_back((text.to_owned(), name.clone()));
                name
            }
        }
    }

    fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.connection.wire.outgoing
    }

    /// Fails the exchange if a message could not be encoded.
    fn check_encoded(&mut self, encoded: io::Result<()>) {
        if let Err(error) = encoded
            && self.error.is_none()
        {
            self.error = Some(Failed { statement: self.statements, error: Error::Io(error) });
        }
    }

    fn fail(&self, error: Error) -> Failed {
        Failed { statement: self.replies.len(), error }
    }
}
