//! The fields of records, and the entries that commit to them.

use std::collections::HashMap;

use auditrail_evidence::{Entry, FIELDS, FieldName, LogEntry, RecordKey, fields_root};
use pg_pipeline::Connection;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::random_bytes;
use crate::db::Row;
use crate::error::StoreError;
use crate::sequencer::session::run_one;
use crate::sql::Sql;
use crate::value::PgTime;

/// Entries with their record keys.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    pub(super) entries: Vec<LogEntry>,
    /// [`RecordKey::BYTES`] for each entry.
    pub(super) keys: Zeroizing<Vec<u8>>,
}

impl Sealed {
    pub(super) fn append(&mut self, later: &Self) {
        self.entries.extend_from_slice(&later.entries);
        self.keys.extend_from_slice(&later.keys);
    }
}

/// Reads the fields of the records with these ids; those that left have no row.
pub(super) async fn read(db: &mut Connection, ids: &[Uuid]) -> Result<Vec<Row>, StoreError> {
    run_one(db, &fields_sql(ids), "read the fields of records").await
}

/// The id, the time and the text of each field of the records with these ids.
pub(crate) fn fields_sql(ids: &[Uuid]) -> Sql {
    let mut sql = Sql::new("select r.* from unnest(");
    sql.push_bind_array(ids).push(") as entry (id) cross join lateral (select id, created_at");
    for field in FIELDS {
        sql.push(", ").push(&text_of(field));
    }
    sql.push(" from control_plane.audit_logs where id = entry.id limit 1) r");
    sql
}

/// The text to which an entry commits, as PostgreSQL prints it.
pub(super) fn text_of(field: FieldName) -> String {
    match field.as_str() {
        "metadata" => "metadata::text".to_owned(),
        // With its prefix, which a cast omits for a single address.
        "ip_address" => "text(ip_address)".to_owned(),
        name => name.to_owned(),
    }
}

/// Makes the entries of the records with these ids, of which those that are in the log have a row. Computes some hundred
/// blocks of SHA-256 for each, so it does not belong on a thread that also serves requests.
pub(super) fn seal(ids: &[Uuid], rows: &[Row]) -> Result<Sealed, StoreError> {
    let mut keys = Zeroizing::new(vec![0; ids.len() * RecordKey::BYTES]);
    random_bytes(&mut keys)?;
    let entries = entries(ids, rows, &mut keys);
    let entries = entries.map_err(StoreError::while_trying_to("read the fields of records"))?;
    Ok(Sealed { entries, keys })
}

fn entries(ids: &[Uuid], rows: &[Row], keys: &mut [u8]) -> Result<Vec<LogEntry>, sqlx::Error> {
    let by_id = rows.iter().map(|row| Ok((row.get(0)?, row)));
    let by_id: HashMap<Uuid, &Row> = by_id.collect::<Result<_, sqlx::Error>>()?;
    let (keys, _) = keys.as_chunks_mut::<{ RecordKey::BYTES }>();
    let entry = |(id, key): (&Uuid, &mut [u8; RecordKey::BYTES])| match by_id.get(id) {
        Some(row) => entry(*id, row, &RecordKey::new(*key)).map(LogEntry::Record),
        None => {
            key.fill(0);
            Ok(LogEntry::Absent(*id))
        }
    };
    ids.iter().zip(keys).map(entry).collect()
}

fn entry(id: Uuid, row: &Row, key: &RecordKey) -> Result<Entry, sqlx::Error> {
    let PgTime(created_at) = row.get(1)?;
    let mut values = [None; FIELDS.len()];
    for field in FIELDS {
        values[field.index()] = row.get(2 + field.index())?;
    }
    Ok(Entry { id, created_at, fields_root: fields_root(&key.commitments(&values)) })
}
