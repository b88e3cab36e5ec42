//! Bare SQL over a connection of its own, as psql sends it: one message with the statement, planned
//! anew each time, and the rows back as text.
//!
//! Only what a private server sends is understood: it asks for no password or, over TCP, for SCRAM-SHA-256.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend::{self, CopyData};

use crate::error::{Error, Result};

/// How much is read at once. No less than a page has, so that the reader holds nobody up.
const READ: usize = 64 * 1_024;
/// What a statement is told that was running for too long.
const CANCELLED: &[u8] = b"57014";

/// One connection.
#[derive(Debug)]
pub(super) struct Plain {
    stream: Stream,
    received: BytesMut,
}

/// A connected socket of either kind.
#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// What a statement was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// From before it was sent until the last byte of the answer was there.
    pub(super) millis: f64,
    pub(super) rows: u64,
    /// The columns of the last row.
    pub(super) last: Vec<String>,
    /// Whether it ran into `statement_timeout`, so that it would have taken longer than this.
    pub(super) cancelled: bool,
}

impl Plain {
    /// Connects to the server and database of a URL that names a Unix socket or a port.
    pub(super) fn connect(url: &str) -> Result<Self> {
        let (server, database) = server(url)
            .ok_or_else(|| Error::Refused(format!("`{url}` names no server and database")))?;
        let stream = Stream::connect(&server).map_err(Error::doing("connect to PostgreSQL"))?;
        let mut plain = Self { stream, received: BytesMut::with_capacity(READ) };
        let mut out = BytesMut::new();
        let parameters = [("user", "postgres"), ("database", &database)];
        frontend::startup_message(parameters, &mut out).map_err(Error::doing("put a message"))?;
        plain.send(&out)?;
        plain.authenticate(password(url))?;
        plain.answer().map(|_| plain)
    }

    /// Answers what the server asks for until it lets us in.
    fn authenticate(&mut self, password: &str) -> Result<()> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let mut out = BytesMut::new();
            let answered = match self.message()? {
                Message::AuthenticationOk => return Ok(()),
                Message::AuthenticationSasl(_) => {
                    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut out)
                }
                Message::AuthenticationSaslContinue(body) => scram
                    .update(body.data())
                    .and_then(|()| frontend::sasl_response(scram.message(), &mut out)),
                Message::AuthenticationSaslFinal(body) => scram.finish(body.data()),
                Message::ErrorResponse(body) => {
                    let (_, said) = refusal(&body).map_err(Error::doing("read an error"))?;
                    return Err(Error::Refused(said));
                }
                _ => return Err(Error::Refused("PostgreSQL asks for something else".to_owned())),
            };
            answered.map_err(Error::doing("authenticate to PostgreSQL"))?;
            self.send(&out)?;
        }
    }

    /// Runs one statement.
    pub(super) fn ask(&mut self, sql: &str) -> Result<Answer> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out).map_err(Error::doing("put a message"))?;
        let began = Instant::now();
        self.send(&out)?;
        let (rows, last, cancelled) = self.answer()?;
        let millis = began.elapsed().as_secs_f64() * 1_000.0;
        let last = match last {
            Some(row) => columns(&row).map_err(Error::doing("read a row"))?,
            None => Vec::new(),
        };
        Ok(Answer { millis, rows, last, cancelled })
    }

    /// Runs a `copy … from stdin` with these bytes, which is a transaction.
    pub(super) fn copy(&mut self, statement: &str, data: &[u8]) -> Result<()> {
        let mut out = BytesMut::new();
        let mut put = || {
            frontend::query(statement, &mut out)?;
            CopyData::new(data)?.write(&mut out);
            frontend::copy_done(&mut out);
            Ok(())
        };
        put().map_err(Error::doing("put a COPY"))?;
        self.send(&out)?;
        self.answer().map(drop)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Unix(stream) => stream.write_all(bytes),
            Stream::Tcp(stream) => stream.write_all(bytes),
        }
        .map_err(Error::doing("send to PostgreSQL"))
    }

    /// Reads until the server is ready for the next statement: how many rows, the last of them, and
    /// whether the statement was cancelled.
    fn answer(&mut self) -> Result<(u64, Option<DataRowBody>, bool)> {
        let (mut rows, mut last, mut refused) = (0, None, None);
        loop {
            match self.message()? {
                Message::ReadyForQuery(_) => match refused {
                    None => return Ok((rows, last, false)),
                    Some((code, _)) if code == CANCELLED => return Ok((rows, last, true)),
                    Some((_, said)) => return Err(Error::Refused(said)),
                },
                Message::DataRow(row) => {
                    rows += 1;
                    last = Some(row);
                }
                Message::ErrorResponse(body) => {
                    refused = Some(refusal(&body).map_err(Error::doing("read an error"))?);
                }
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<Message> {
        loop {
            let message = Message::parse(&mut self.received);
            if let Some(message) = message.map_err(Error::doing("read a message"))? {
                return Ok(message);
            }
            let mut part = [0; READ];
            let read = match &mut self.stream {
                Stream::Unix(stream) => stream.read(&mut part),
                Stream::Tcp(stream) => stream.read(&mut part),
            };
            match read.map_err(Error::doing("read from PostgreSQL"))? {
                0 => return Err(Error::Refused("PostgreSQL closed the connection".to_owned())),
                n => self.received.extend_from_slice(&part[..n]),
            }
        }
    }
}

impl Stream {
    fn connect(server: &str) -> std::io::Result<Self> {
        if server.starts_with('/') {
            return UnixStream::connect(server).map(Self::Unix);
        }
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }
}

/// The texts of a row; a null is an empty one.
fn columns(row: &DataRowBody) -> std::io::Result<Vec<String>> {
    let text = |range: Option<_>| {
        let bytes = range.map_or(&[][..], |range: std::ops::Range<usize>| &row.buffer()[range]);
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    row.ranges().map(text).collect()
}

/// The code of an error, and its words.
fn refusal(body: &ErrorResponseBody) -> std::io::Result<(Vec<u8>, String)> {
    let (mut code, mut said) = (Vec::new(), String::new());
    let mut fields = body.fields();
    while let Some(field) = fields.next()? {
        match field.type_() {
            b'C' => code = field.value_bytes().to_vec(),
            b'M' => said = String::from_utf8_lossy(field.value_bytes()).into_owned(),
            _ => {}
        }
    }
    Ok((code, format!("PostgreSQL said: {said}")))
}

/// The password in a URL, or none.
fn password(url: &str) -> &str {
    let role = url.split_once("//").and_then(|(_, rest)| rest.split_once('@'));
    role.and_then(|(role, _)| role.split_once(':')).map_or("", |(_, password)| password)
}

/// The file of the socket, or address and port, and the database of a URL:
/// `postgres://postgres@%2Fdirectory/database`, `postgres://postgres@127.0.0.1:5432/database`.
fn server(url: &str) -> Option<(String, String)> {
    let (_, rest) = url.split_once('@')?;
    let (host, database) = rest.split_once('/')?;
    let (host, port) = host.split_once(':').unwrap_or((host, "5432"));
    let mut parts = host.split('%');
    let mut dir = parts.next()?.to_owned();
    for part in parts {
        let (code, text) = part.split_at_checked(2)?;
        dir.push(char::from(u8::from_str_radix(code, 16).ok()?));
        dir.push_str(text);
    }
    let database = database.split('?').next()?;
    let server = match dir.starts_with('/') {
        true => format!("{dir}/.s.PGSQL.{port}"),
        false => format!("{dir}:{port}"),
    };
    (!dir.is_empty() && !database.is_empty()).then(|| (server, database.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_read_from_a_url() {
        let read = server("postgres://postgres@%2Ftmp%2Fa%20b%2Frun:5433/log?x=1");
        assert_eq!(read, Some(("/tmp/a b/run/.s.PGSQL.5433".to_owned(), "log".to_owned())));
        let read = server("postgres://postgres@127.0.0.1:6000/log");
        assert_eq!(read, Some(("127.0.0.1:6000".to_owned(), "log".to_owned())));
        assert_eq!(server("postgres://postgres@%2Frun/"), None);
        assert_eq!(password("postgres://postgres:p-1@127.0.0.1:6000/log"), "p-1");
        assert_eq!(password("postgres://postgres@127.0.0.1:6000/log"), "");
    }
}
