//! Statements that are sent together.

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

/// How much of a `COPY` is put together before it is sent. The server works on a part while the next
/// is made, and memory stays bounded.
const PART_BYTES: usize = 64 * 1_024;
/// The binary format, for all parameters and all columns.
const BINARY: [i16; 1] = [1];

/// Statements that are sent together, and run by the server one after the other in one transaction.
///
/// Unless the statements begin and end transactions themselves, all of an exchange is one transaction,
/// which commits at its end. After the first error the server skips the rest, and nothing is kept.
#[derive(Debug)]
pub struct Exchange<'c> {
    connection: &'c mut Connection,
    /// Statements that were sent for preparation and have not been confirmed: text and name.
    parsing: VecDeque<(String, String)>,
    statements: usize,
    replies: Vec<Reply>,
    rows: Vec<Row>,
    error: Option<Failed>,
}

/// What a statement answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Its rows.
    pub rows: Vec<Row>,
    /// How many rows it wrote or returned, as the server counts them; 0 where it counts none.
    pub affected: u64,
}

/// An exchange failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// Which of its statements failed, from 0. Those before it ran, and were undone with the
    /// transaction unless it was committed before.
    pub statement: usize,
    /// Why.
    #[source]
    pub error: Error,
}

impl<'c> Exchange<'c> {
    pub(crate) fn new(connection: &'c mut Connection) -> Self {
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
            error,
        };
        while let Some(name) = exchange.connection.prepared.take_excess() {
            let closed = frontend::close(b'S', &name, exchange.outgoing());
            exchange.note(closed);
        }
        exchange
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
        self.note(bound.map_err(|error| match error {
            frontend::BindError::Serialization(error) => error,
            frontend::BindError::Conversion(error) => io::Error::other(error),
        }));
        let executed = frontend::execute("", 0, self.outgoing());
        self.note(executed);
    }

    /// Adds data of the `COPY … FROM STDIN` that was added last: what `fill` appends. All of its data and
    /// then [`copy_end`](Self::copy_end) come before any other statement.
    pub fn copy_data(&mut self, fill: impl FnOnce(&mut BytesMut)) {
        let out = self.outgoing();
        let start = out.len();
        // The type of the message and its length, which is known afterwards.
        out.extend_from_slice(b"d\0\0\0\0");
        fill(out);
        let length = u32::try_from(out.len() - start - 1).unwrap_or(u32::MAX);
        out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends what was added so far if it is much, so that a long `COPY` takes little memory.
    ///
    /// # Errors
    /// When the connection breaks. An error of the server is returned by [`run`](Self::run).
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

    /// Whether the server has reported an error already, so that more data would be for nothing.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Sends what was added, and waits for all answers: one for each statement.
    ///
    /// # Errors
    /// The first error. After an error of the server the connection can be used again.
    pub async fn run(mut self) -> Result<Vec<Reply>, Failed> {
        frontend::sync(self.outgoing());
        let status = loop {
            let message = self.connection.wire.next().await;
            let message = message.map_err(|error| self.fail(error))?;
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
            None => Err(self.fail(Error::Protocol("answers are missing".to_owned()))),
        }
    }

    /// Sends what is there, and looks at what has been answered.
    async fn send(&mut self) -> Result<(), Failed> {
        let flushed = self.connection.wire.flush().await;
        flushed.map_err(|error| self.fail(error))?;
        while let Some(message) = self.parse()? {
            self.handle(message)?;
        }
        Ok(())
    }

    fn parse(&mut self) -> Result<Option<Message>, Failed> {
        let parsed = self.connection.wire.parse();
        parsed.map_err(|error| self.fail(error))
    }

    /// Takes a message; the transaction status when it is the last.
    fn handle(&mut self, message: Message) -> Result<Option<u8>, Failed> {
        match message {
            Message::ParseComplete => {
                if let Some((text, name)) = self.parsing.pop_front() {
                    self.connection.prepared.keep(text, name);
                }
            }
            Message::DataRow(body) => {
                let row = Row::read(&body).map_err(|error| self.fail(error))?;
                self.rows.push(row);
            }
            Message::CommandComplete(body) => {
                let tag = body.tag().unwrap_or_default();
                let affected = tag.rsplit(' ').next().and_then(|count| count.parse().ok());
                let rows = std::mem::take(&mut self.rows);
                self.replies.push(Reply { rows, affected: affected.unwrap_or_default() });
            }
            Message::EmptyQueryResponse => self.replies.push(Reply::default()),
            Message::ErrorResponse(body) => {
                let read = ServerError::read(body.fields());
                let error = read.map_or_else(Error::Io, |error| Error::Server(Box::new(error)));
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

    /// The name under which the statement is prepared, or will be by the time it is run.
    fn prepare(&mut self, statement: Statement<'_>, parameters: &[Parameter<'_>]) -> String {
        let Statement { text, is_kept } = statement;
        // The same text may occur twice in one exchange.
        let asked = self.parsing.iter().find(|(other, name)| other == text && !name.is_empty());
        if let Some((_, name)) = asked {
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
                self.note(parsed);
                self.parsing.push_back((text.to_owned(), name.clone()));
                name
            }
        }
    }

    fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.connection.wire.outgoing
    }

    /// A message that could not be encoded fails the exchange.
    fn note(&mut self, encoded: io::Result<()>) {
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
