//! The few words of PostgreSQL's protocol that are needed to ask a server about itself.
//!
//! A driver would bring a runtime, and this crate has to stay light. Only what a server on our
//! own socket sends is understood: `trust` authentication and plain text results.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;

/// Longest wait for one answer. `CREATE DATABASE` copies a template and ends with fsyncs, which
/// takes seconds on a busy disk; everything else takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer that is read. The ones we ask for have a few hundred bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why a question to the server got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The connection could not be made, or broke.
    #[error("the connection to the server failed")]
    Connection(#[source] io::Error),
    /// The server said no.
    #[error("the server said: {message} (SQLSTATE {code})")]
    Server {
        /// The five characters that name the kind of error.
        code: String,
        /// The server's own words.
        message: String,
    },
    /// The answer was not one that a PostgreSQL of ours gives.
    #[error("the server answered something unexpected: {0}")]
    Unexpected(&'static str),
}

impl AskError {
    /// Whether the server said no with this SQLSTATE.
    pub(crate) fn is(&self, sqlstate: &str) -> bool {
        matches!(self, Self::Server { code, .. } if code == sqlstate)
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    received: BytesMut,
}

impl Client {
    pub(crate) fn connect(
        socket_dir: &Path,
        port: u16,
        user: &str,
        database: &str,
    ) -> Result<Self, AskError> {
        let stream =
            UnixStream::connect(socket_file(socket_dir, port)).map_err(AskError::Connection)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(AskError::Connection)?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(AskError::Connection)?;
        let mut client = Self { stream, received: BytesMut::new() };
        let parameters =
            [("user", user), ("database", database), ("application_name", "local-postgres")];
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out).map_err(AskError::Connection)?;
        client.send(&out)?;
        client.answer()?;
        Ok(client)
    }

    /// Runs one statement and returns its first column, row by row. A null is an empty text.
    pub(crate) fn ask(&mut self, sql: &str) -> Result<Vec<String>, AskError> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out).map_err(AskError::Connection)?;
        self.send(&out)?;
        self.answer()
    }

    /// Runs one statement that has one row.
    pub(crate) fn ask_one(&mut self, sql: &str) -> Result<String, AskError> {
        self.ask(sql)?.pop().ok_or(AskError::Unexpected("no row"))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), AskError> {
        self.stream.write_all(bytes).map_err(AskError::Connection)
    }

    /// Reads up to the point where the server is ready for the next statement.
    fn answer(&mut self) -> Result<Vec<String>, AskError> {
        let mut rows = Vec::new();
        let mut refused = None;
        loop {
            match self.message()? {
                Message::ReadyForQuery(_) => return refused.map_or(Ok(rows), Err),
                Message::DataRow(row) => {
                    let column = row.ranges().next().map_err(AskError::Connection)?.flatten();
                    let bytes = column.map_or(&[][..], |range| &row.buffer()[range]);
                    rows.push(String::from_utf8_lossy(bytes).into_owned());
                }
                Message::ErrorResponse(body) => {
                    match refusal(&body).map_err(AskError::Connection)? {
                        // The server hangs up; no readiness follows.
                        (error, Severity::Fatal) => return Err(error),
                        (error, Severity::Error) => refused = Some(error),
                    }
                }
                Message::AuthenticationCleartextPassword
                | Message::AuthenticationMd5Password(_)
                | Message::AuthenticationSasl(_) => {
                    return Err(AskError::Unexpected("it wants a password"));
                }
                // Parameter values, notices, row descriptions: nothing that was asked for.
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<Message, AskError> {
        loop {
            if let Some(message) =
                Message::parse(&mut self.received).map_err(AskError::Connection)?
            {
                return Ok(message);
            }
            if self.received.len() > LONGEST_ANSWER {
                return Err(AskError::Unexpected("a message that is too long"));
            }
            let mut chunk = [0; 4096];
            let n = self.stream.read(&mut chunk).map_err(AskError::Connection)?;
            if n == 0 {
                return Err(AskError::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
            self.received.extend_from_slice(&chunk[..n]);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        // The server notices a closed connection as well; this only spares its log a line.
        drop(self.stream.write_all(&out));
    }
}

enum Severity {
    Error,
    Fatal,
}

fn refusal(body: &ErrorResponseBody) -> io::Result<(AskError, Severity)> {
    let (mut code, mut message, mut severity) = (String::new(), String::new(), Severity::Error);
    let mut fields = body.fields();
    while let Some(field) = fields.next()? {
        let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => code = text(),
            b'M' => message = text(),
            b'V' if field.value_bytes() != b"ERROR" => severity = Severity::Fatal,
            _ => {}
        }
    }
    Ok((AskError::Server { code, message }, severity))
}

/// Begin of the name of the file that PostgreSQL listens on; the port follows.
pub(crate) const SOCKET_PREFIX: &str = ".s.PGSQL.";

/// The file that PostgreSQL listens on.
pub(crate) fn socket_file(socket_dir: &Path, port: u16) -> PathBuf {
    socket_dir.join(format!("{SOCKET_PREFIX}{port}"))
}

/// A name as SQL, quoted.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL, quoted. `standard_conforming_strings` has been on since 9.1.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
