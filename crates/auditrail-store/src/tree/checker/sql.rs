//! The statements of a comparison.

use std::collections::HashSet;

use pg_pipeline::Connection;
use tlog::Hash;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::finding::Finding;
use crate::db::Row;
use crate::error::StoreError;
use crate::sequencer::session::run_one;
use crate::sql::Sql;
use crate::tree::rows::number;
use crate::value::PgTime;

pub(super) const DOING: &str = "compare records with the log";

pub(super) async fn size(db: &mut Connection) -> Result<u64, StoreError> {
    let sql = Sql::new("select size from control_plane.audit_log_tree");
    let rows = run_one(db, &sql, DOING).await?;
    let size = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.get::<i64>(0));
    Ok(u64::try_from(size.map_err(StoreError::while_trying_to(DOING))?).unwrap_or(0))
}

/// The keys of the records of a bundle.
pub(super) async fn keys(
    db: &mut Connection,
    bundle: u64,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let sql = Sql::new("select keys from control_plane.audit_log_record_keys where bundle = $1");
    let rows = run_one(db, &sql.bind(number(bundle)), DOING).await?;
    let keys = rows.first().map(|row| row.get::<&[u8]>(0)).transpose();
    let keys = keys.map_err(StoreError::while_trying_to(DOING))?;
    Ok(Zeroizing::new(keys.unwrap_or_default().to_vec()))
}

/// Those of the missing records that a run of retention may have removed: the ledger has the bounds of ids and times.
pub(super) async fn removed(
    db: &mut Connection,
    missing: &[Finding],
) -> Result<HashSet<Uuid>, StoreError> {
    let records = missing.iter().filter_map(|finding| match finding {
        Finding::Missing { id, created_at, .. } => Some((*id.as_uuid(), *created_at)),
        _ => None,
    });
    let records: Vec<_> = records.collect();
    let sql = Sql::new(
        "select missing.id
           from unnest($1, $2) as missing (id, created_at)
          where exists (select from control_plane.audit_log_retention_removals r
                         where missing.id between r.lowest_id and r.highest_id
                           and missing.created_at between r.oldest and r.newest)",
    )
    .bind_array(records.iter().map(|(id, _)| *id))
    .bind_array(records.iter().map(|(_, at)| PgTime(*at)));
    let rows = run_one(db, &sql, DOING).await?;
    let ids = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>();
    ids.map_err(StoreError::while_trying_to(DOING))
}

/// The number of records that runs of retention have removed.
pub(super) async fn removals(db: &mut Connection) -> Result<u64, StoreError> {
    let sql = Sql::new(
        "select coalesce(sum(records), 0)::bigint from control_plane.audit_log_retention_removals",
    );
    let rows = run_one(db, &sql, DOING).await?;
    let records = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.get::<i64>(0));
    Ok(u64::try_from(records.map_err(StoreError::while_trying_to(DOING))?).unwrap_or(0))
}

/// The size and the root of the newest checkpoint that is stored.
pub(super) async fn newest_root(db: &mut Connection) -> Result<Option<(u64, Hash)>, StoreError> {
    let sql = Sql::new(
        "select size, root from control_plane.audit_log_checkpoints order by number desc limit 1",
    );
    let rows = run_one(db, &sql, DOING).await?;
    let read = |row: &Row| -> Result<Option<(u64, Hash)>, sqlx::Error> {
        let (size, root): (i64, &[u8]) = (row.get(0)?, row.get(1)?);
        Ok(u64::try_from(size).ok().zip(root.try_into().ok().map(Hash)))
    };
    let root = rows.first().map(read).transpose();
    Ok(root.map_err(StoreError::while_trying_to(DOING))?.flatten())
}
