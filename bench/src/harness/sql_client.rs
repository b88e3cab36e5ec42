//! A connection that sends bare SQL as psql does: one simple query, planned anew each time, rows as text.

use std::io::Write;
use std::time::Instant;

use postgres::error::SqlState;
use postgres::{Client, NoTls, SimpleQueryMessage, Statement};
use xtask::error::{Error, Result};

/// One connection.
pub(crate) struct SqlClient {
    client: Client,
}

/// The outcome of a statement.
#[derive(Debug)]
pub(crate) struct Answer {
    /// From sending the statement to receiving the last byte of the answer.
    pub(crate) millis: f64,
    pub(crate) rows: u64,
    /// The columns of the last row; a null is an empty text.
    pub(crate) last: Vec<String>,
    /// Whether `statement_timeout` cancelled it, so `millis` is a lower bound.
    pub(crate) cancelled: bool,
}

impl SqlClient {
    /// Connects to the database of a URL.
    pub(crate) fn connect(url: &str) -> Result<Self> {
        let client = Client::connect(url, NoTls).map_err(|e| failed("connect", &e))?;
        Ok(Self { client })
    }

    /// Runs one statement.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Answer> {
        let start = Instant::now();
        let result = self.client.simple_query(sql);
        let millis = start.elapsed().as_secs_f64() * 1_000.0;
        let messages = match result {
            Ok(messages) => messages,
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                return Ok(Answer { millis, rows: 0, last: Vec::new(), cancelled: true });
            }
            Err(error) => return Err(failed("run a statement", &error)),
        };
        let (mut rows, mut last) = (0, Vec::new());
        for message in &messages {
            if let SimpleQueryMessage::Row(row) = message {
                rows += 1;
                last = (0..row.len()).map(|n| row.get(n).unwrap_or_default().to_owned()).collect();
            }
        }
        Ok(Answer { millis, rows, last, cancelled: false })
    }

    /// Prepares a `copy … from stdin`.
    pub(crate) fn prepare(&mut self, statement: &str) -> Result<Statement> {
        self.client.prepare(statement).map_err(|e| failed("prepare a COPY", &e))
    }

    /// Runs a prepared COPY with these bytes, as one transaction.
    pub(crate) fn copy(&mut self, statement: &Statement, data: &[u8]) -> Result<()> {
        let mut writer = self.client.copy_in(statement).map_err(|e| failed("begin a COPY", &e))?;
        writer.write_all(data).map_err(Error::doing("send COPY data"))?;
        writer.finish().map(drop).map_err(|e| failed("end a COPY", &e))
    }
}

fn failed(doing: &str, error: &postgres::Error) -> Error {
    let detail = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
    Error::Refused(format!("PostgreSQL: cannot {doing}: {detail}"))
}
