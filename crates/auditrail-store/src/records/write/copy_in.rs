//! Writes records by COPY.

use std::iter::Peekable;

use auditrail_core::{Record, RecordedBy};
use bytes::BytesMut;
use pg_pipeline::{Connection, Failed};

use super::copy;

use crate::db::{add_to, is_key_changed};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::key_version::verify_sql;
use crate::sql::Sql;
use crate::sqlstate::{from_pipeline, sqlstate};

/// The approximate size of a COPY message. The connection sends several at once.
const MESSAGE_BYTES: usize = 32 * 1_024;

/// The outcome of a COPY.
#[derive(Debug)]
pub(crate) enum Copied {
    /// Every record is committed.
    All,
    /// It is committed without some records, which a trigger of the table skipped; which ones is unknown.
    Fewer {
        /// The number of written records.
        kept: u64,
    },
    /// Nothing was written: an id is taken, or repeated in the chunk.
    NoneForDuplicate,
    /// Nothing was written: the table has row-level security, so only its owner can COPY into it.
    NoneForPolicy,
    /// Nothing was written: an API key was revoked or changed.
    NoneForKey,
}

/// Writes the records by COPY and checks the API keys of their requests, in one transaction and one
/// exchange.
///
/// The keys are checked after the rows are written, and are locked until the commit.
pub(crate) async fn copy_in<'a>(
    db: &mut Connection,
    records: impl Iterator<Item = &'a Record> + Clone,
    keys: &[ApiKeyVersion],
) -> Result<Copied, StoreError> {
    let has_writers = records.clone().any(|record| record.recorded_by.is_some());
    let role = RecordedBy::from_stored(format!("role:{}", db.session_user()));
    let (statement, role) =
        if has_writers { (copy::STATEMENT, Some(role)) } else { (copy::OWN_STATEMENT, None) };
    let mut rows = Rows { records: records.peekable(), role, has_header: false, sent: 0 };
    let verified = if keys.is_empty() { None } else { Some(verify_sql(keys)) };
    let statements: Vec<Sql> = [Sql::new(statement)].into_iter().chain(verified).collect();
    let failed = match send(db, &mut rows, &statements).await {
        Ok(kept) if kept < rows.sent => return Ok(Copied::Fewer { kept }),
        Ok(_) => return Ok(Copied::All),
        Err(failed) => failed,
    };
    if is_key_changed(&failed, &statements) {
        return Ok(Copied::NoneForKey);
    }
    let error = from_pipeline(failed);
    match sqlstate(&error) {
        Some("23505") => Ok(Copied::NoneForDuplicate),
        Some("0A000") => Ok(Copied::NoneForPolicy),
        _ => Err(StoreError::while_trying_to("copy records")(error)),
    }
}

/// Sends the COPY with its data and the following statements, and returns the number of written rows.
async fn send<'a>(
    db: &mut Connection,
    rows: &mut Rows<impl Iterator<Item = &'a Record>>,
    statements: &[Sql],
) -> Result<u64, Failed> {
    let mut exchange = db.exchange();
    for (number, sql) in statements.iter().enumerate() {
        add_to(&mut exchange, sql);
        if number > 0 {
            continue;
        }
        // After an error the rest need not be sent.
        while rows.has_more() && !exchange.has_failed() {
            exchange.copy_data(|out| rows.put_some(out));
            exchange.send_much().await?;
        }
        exchange.copy_end();
    }
    let replies = exchange.run().await?;
    Ok(replies.first().map_or(0, |reply| reply.affected))
}

/// The data of a COPY, split into messages.
struct Rows<I: Iterator> {
    records: Peekable<I>,
    /// The writer of records that have none; none if no record has one.
    role: Option<RecordedBy>,
    has_header: bool,
    /// The number of rows in messages so far.
    sent: u64,
}

impl<'a, I: Iterator<Item = &'a Record>> Rows<I> {
    fn has_more(&mut self) -> bool {
        !self.has_header || self.records.peek().is_some()
    }

    /// Appends one message.
    fn put_some(&mut self, out: &mut BytesMut) {
        let start = out.len();
        if !std::mem::replace(&mut self.has_header, true) {
            copy::put_header(out);
        }
        while out.len() - start < MESSAGE_BYTES
            && let Some(record) = self.records.next()
        {
            copy::put_record(out, record, self.role.as_ref());
            self.sent += 1;
        }
        if self.records.peek().is_none() {
            copy::put_end(out);
        }
    }
}
