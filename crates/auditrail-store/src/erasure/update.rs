//! The statements of the changes.

use std::collections::BTreeMap;

use auditrail_evidence::{FieldName, RecordKey};
use tlog::FULL_WIDTH;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::fields::ErasedFields;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::tree::kept::KeptFields;

const DOING: &str = "erase values";

/// Opens the guards of the tables for the rest of the transaction.
pub(super) const OPEN_GUARD: &str = "set local auditrail.maintenance = 'erasure'";

pub(super) async fn run(db: &mut Db<'_>, sql: &Sql) -> Result<u64, StoreError> {
    let rows = db.fetch(sql).await.map_err(StoreError::while_trying_to(DOING))?;
    Ok(rows.len() as u64)
}

/// Replaces the values of these columns of records, and returns a row for each of them.
pub(super) fn values_sql(
    ids: &[Uuid],
    columns: &[FieldName],
    fields: &ErasedFields,
    pseudonym: &str,
) -> Sql {
    let mut sql = Sql::new("update control_plane.audit_logs set ");
    for (position, column) in columns.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        sql.push(separator).push(column.as_str()).push(" = ");
        match column.as_str() {
            "actor_id" | "target_id" => drop(sql.push_bind(pseudonym)),
            "metadata" if fields.metadata_keys().next().is_some() => {
                sql.push("metadata - ").push_bind_array(fields.metadata_keys());
            }
            "metadata" => drop(sql.push("'{}'")),
            _ => drop(sql.push("null")),
        }
    }
    sql.push(" where id = any(").push_bind_array(ids).push(") returning id");
    sql
}

/// Keeps the commitments and salts of records.
pub(super) fn kept_sql(erasure: Uuid, records: &[(Uuid, u64, KeptFields)]) -> Sql {
    let fields: Vec<Vec<u8>> = records.iter().map(|(.., kept)| kept.pack()).collect();
    Sql::new(
        "insert into control_plane.audit_log_erased_records as e (id, seq, erasure_id, fields)
         select record.id, record.seq, $1, record.fields
           from unnest($2, $3, $4) as record (id, seq, fields)
             on conflict (id) do update set erasure_id = excluded.erasure_id, fields = excluded.fields",
    )
    .bind(erasure)
    .bind_array(records.iter().map(|(id, ..)| *id))
    .bind_array(records.iter().map(|(_, seq, _)| i64::try_from(*seq).unwrap_or(i64::MAX)))
    .bind_array(fields.iter().map(Vec::as_slice))
}

/// The keys of the records of these entries, by bundle.
pub(super) type Keys = BTreeMap<i64, Zeroizing<Vec<u8>>>;

/// Reads the keys of the bundles of these entries.
pub(super) async fn keys(
    db: &mut Db<'_>,
    seqs: impl Iterator<Item = u64>,
) -> Result<Keys, StoreError> {
    let mut bundles: Vec<i64> = seqs.map(|seq| place(seq).0).collect();
    bundles.sort_unstable();
    bundles.dedup();
    let sql = Sql::new(
        "select bundle, keys from control_plane.audit_log_record_keys where bundle = any($1)",
    )
    .bind_array(bundles);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(DOING))?;
    let read = rows.iter().map(|row| {
        let keys: &[u8] = row.get(1)?;
        Ok((row.get(0)?, Zeroizing::new(keys.to_vec())))
    });
    read.collect::<Result<_, sqlx::Error>>().map_err(StoreError::while_trying_to(DOING))
}

/// The key of an entry; none if it was destroyed.
pub(super) fn key(keys: &Keys, seq: u64) -> Option<RecordKey> {
    let (bundle, start) = place(seq);
    let key = keys.get(&bundle)?.get(start..start + RecordKey::BYTES)?;
    let key: [u8; RecordKey::BYTES] = key.try_into().ok()?;
    (key != [0; RecordKey::BYTES]).then_some(RecordKey::new(key))
}

/// Overwrites the key of an entry.
pub(super) fn destroy(keys: &mut Keys, seq: u64) {
    let (bundle, start) = place(seq);
    let key = keys.get_mut(&bundle).and_then(|keys| keys.get_mut(start..start + RecordKey::BYTES));
    if let Some(key) = key {
        key.fill(0);
    }
}

/// Writes the keys of bundles.
pub(super) fn keys_sql(keys: &Keys) -> Sql {
    Sql::new(
        "update control_plane.audit_log_record_keys k set keys = changed.keys
           from unnest($1, $2) as changed (bundle, keys)
          where k.bundle = changed.bundle and k.keys <> changed.keys",
    )
    .bind_array(keys.keys().copied())
    .bind_array(keys.values().map(|keys| keys.as_slice()))
}

/// The bundle of an entry, and where its key starts.
fn place(seq: u64) -> (i64, usize) {
    let width = FULL_WIDTH as u64;
    let position = usize::try_from(seq % width).unwrap_or(0);
    (i64::try_from(seq / width).unwrap_or(i64::MAX), position * RecordKey::BYTES)
}
