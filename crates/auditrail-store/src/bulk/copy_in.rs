//! A chunk by COPY.

use auditrail_core::Record;
use bytes::BytesMut;
use sqlx::PgConnection;

use crate::copy;
use crate::driver::sqlstate;
use crate::error::StoreError;

/// How much is put together before it is sent. The server can read a part while the next is made.
const PART_BYTES: usize = 64 * 1_024;

/// What became of a COPY.
pub(crate) enum Copied {
    /// It is committed.
    All,
    /// It is committed without some records, and nobody can tell which: a trigger of the table left
    /// them out.
    Fewer {
        /// How many were kept.
        kept: u64,
    },
    /// Nothing was kept: an id is there already, or twice in the chunk.
    NoneForDuplicate,
    /// Nothing was kept: the table has row-level security, where only its owner may COPY into it.
    NoneForPolicy,
}

/// Writes the records in one COPY, which is a transaction of its own.
pub(crate) async fn copy_in<'a>(
    db: &mut PgConnection,
    buffer: &mut BytesMut,
    records: impl Iterator<Item = &'a Record>,
) -> Result<Copied, StoreError> {
    let mut sent = 0;
    match send(db, buffer, records.inspect(|_| sent += 1)).await {
        Ok(kept) if kept < sent => Ok(Copied::Fewer { kept }),
        Ok(_) => Ok(Copied::All),
        Err(error) => match sqlstate(&error) {
            Some("23505") => Ok(Copied::NoneForDuplicate),
            Some("0A000") => Ok(Copied::NoneForPolicy),
            _ => Err(StoreError::while_trying_to("copy records")(error)),
        },
    }
}

/// A refused row shows at the end only: until then the server reads on and drops what it gets.
async fn send<'a>(
    db: &mut PgConnection,
    buffer: &mut BytesMut,
    records: impl Iterator<Item = &'a Record>,
) -> Result<u64, sqlx::Error> {
    let mut copy = db.copy_in_raw(copy::STATEMENT).await?;
    buffer.clear();
    copy::put_header(buffer);
    for record in records {
        copy::put_record(buffer, record);
        if buffer.len() >= PART_BYTES {
            copy.send(&buffer[..]).await?;
            buffer.clear();
        }
    }
    copy::put_end(buffer);
    copy.send(&buffer[..]).await?;
    copy.finish().await
}
