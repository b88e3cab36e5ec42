//! A minimal PostgreSQL client, for queries to a private server about itself.
//!
//! A driver would add a runtime, and this crate has few dependencies. The client supports what a server on
//! the private socket sends: `trust` authentication and results in text format.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;

/// Timeout of a read or write. `CREATE DATABASE` copies a template and ends with fsyncs, which takes seconds
/// on a busy disk; everything else takes milliseconds.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of a message. The expected ones have a few hundred bytes.
const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// A query of the server failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The connection failed.
    #[error("the connection to the server failed")]
    Connection(#[source] io::Error),
    /// The server returned an error.
    #[error("the server returned an error: {message} (SQLSTATE {code})")]
    Server {
        /// The SQLSTATE.
        code: String,
        /// The message of the server.
        message: String,
    },
    /// The response does not conform to the supported protocol.
    #[error("unexpected response of the server: {0}")]
    Unexpected(&'static str),
}

impl QueryError {
    /// Whether the server returned this SQLSTATE.
    pub(crate) fn is(&self, sqlstate: &str) -> bool {
        matches!(self, Self::Server { code, .. } if code == sqlstate)
    }
}

/// A connection.
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
    ) -> Result<Self, QueryError> {
        let stream =
            UnixStream::connect(socket_file(socket_dir, port)).map_err(QueryError::Connection)?;
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT)).map_err(QueryError::Connection)?;
        stream.set_write_timeout(Some(RESPONSE_TIMEOUT)).map_err(QueryError::Connection)?;
        let mut client = Self { stream, received: BytesMut::new() };
        let parameters =
            [("user", user), ("database", database), ("application_name", "local-postgres")];
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out).map_err(QueryError::Connection)?;
        client.send(&out)?;
        client.read_response()?;
        Ok(client)
    }

    /// Runs one statement and returns its first column, row by row. A null is an empty text.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<String>, QueryError> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out).map_err(QueryError::Connection)?;
        self.send(&out)?;
        self.read_response()
    }

    /// Runs one statement and returns the first column of its last row.
    pub(crate) fn query_one(&mut self, sql: &str) -> Result<String, QueryError> {
        self.query(sql)?.pop().ok_or(QueryError::Unexpected("no row"))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), QueryError> {
        self.stream.write_all(bytes).map_err(QueryError::Connection)
    }

    /// Reads messages until the server is ready for the next statement.
    fn read_response(&mut self) -> Result<Vec<String>, QueryError> {
        let mut rows = Vec::new();
        let mut error_response = None;
        loop {
            match self.message()? {
                Message::ReadyForQuery(_) => return error_response.map_or(Ok(rows), Err),
                Message::DataRow(row) => {
                    let column = row.ranges().next().map_err(QueryError::Connection)?.flatten();
                    let bytes = column.map_or(&[][..], |range| &row.buffer()[range]);
                    rows.push(String::from_utf8_lossy(bytes).into_owned());
                }
                Message::ErrorResponse(body) => {
                    match server_error(&body).map_err(QueryError::Connection)? {
                        // The server closes the connection; `ReadyForQuery` does not follow.
                        (error, Severity::Fatal) => return Err(error),
                        (error, Severity::Error) => error_response = Some(error),
                    }
                }
                Message::AuthenticationCleartextPassword
                | Message::AuthenticationMd5Password(_)
                | Message::AuthenticationSasl(_) => {
                    return Err(QueryError::Unexpected("a request for a password"));
                }
                // Parameter values, notices and row descriptions are not needed.
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<Message, QueryError> {
        loop {
            if let Some(message) =
                Message::parse(&mut self.received).map_err(QueryError::Connection)?
            {
                return Ok(message);
            }
            if self.received.len() > MESSAGE_MAX_BYTES {
                return Err(QueryError::Unexpected("a message that is too long"));
            }
            let mut chunk = [0; 4096];
            let n = self.stream.read(&mut chunk).map_err(QueryError::Connection)?;
            if n == 0 {
                return Err(QueryError::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
            self.received.extend_from_slice(&chunk[..n]);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        // Avoids a line about a lost connection in the log of the server.
        drop(self.stream.write_all(&out));
    }
}

enum Severity {
    Error,
    Fatal,
}

fn server_error(body: &ErrorResponseBody) -> io::Result<(QueryError, Severity)> {
    let mut code = String::new();
    let mut message = String::new();
    let mut severity = Severity::Error;
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
    Ok((QueryError::Server { code, message }, severity))
}

/// Prefix of the name of a socket; the port follows.
pub(crate) const SOCKET_PREFIX: &str = ".s.PGSQL.";

/// The path of the socket.
pub(crate) fn socket_file(socket_dir: &Path, port: u16) -> PathBuf {
    socket_dir.join(format!("{SOCKET_PREFIX}{port}"))
}

/// Quotes an identifier for SQL.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text for SQL. `standard_conforming_strings` has been on since 9.1.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
