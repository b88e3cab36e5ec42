//! The right edge of the tree, from the rows of the log.

use auditrail_evidence::LogEntry;
use pg_pipeline::Connection;
use tlog::{Edge, FULL_WIDTH, Hash};

use super::stored::unpack;
use crate::error::StoreError;
use crate::sequencer::session::run;
use crate::sql::Sql;

const DOING: &str = "read the edge of the transparency log";

/// The edge of the tree of this size.
pub(super) async fn edge(db: &mut Connection, size: u64) -> Result<Edge, StoreError> {
    let levels = 1 + size.checked_ilog2().unwrap_or(0) / 8;
    let statements: Vec<Sql> = std::iter::once(bundle_sql(size / FULL_WIDTH as u64))
        .chain((1..levels).map(|level| tile_sql(level, tile_at(size, level))))
        .collect();
    let rows = run(db, &statements, DOING).await?;
    let mut partial = Vec::new();
    for (level, rows) in rows.iter().enumerate() {
        let bytes: &[u8] = match rows.first() {
            Some(row) => row.get(0).map_err(StoreError::while_trying_to(DOING))?,
            None => &[],
        };
        let hashes = if level == 0 { leaves(bytes) } else { hashes(bytes) };
        partial.push(hashes.ok_or_else(|| StoreError::DamagedTree {
            detail: format!("the last row of level {level} is not valid"),
        })?);
    }
    Edge::restore(size, partial)
        .map_err(|error| StoreError::DamagedTree { detail: error.to_string() })
}

/// The number of the partial tile of a level.
fn tile_at(size: u64, level: u32) -> u64 {
    size >> (8 * (level + 1))
}

fn leaves(bundle: &[u8]) -> Option<Vec<Hash>> {
    Some(unpack(bundle)?.iter().map(LogEntry::leaf_hash).collect())
}

/// The hashes of a row; `None` if it was damaged.
pub(super) fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, []) = bytes.as_chunks::<{ Hash::BYTES }>() else { return None };
    Some(hashes.iter().copied().map(Hash).collect())
}

fn bundle_sql(bundle: u64) -> Sql {
    Sql::new("select entries from control_plane.audit_log_bundles where bundle = $1")
        .bind(i64::try_from(bundle).unwrap_or(i64::MAX))
}

fn tile_sql(level: u32, tile: u64) -> Sql {
    Sql::new("select hashes from control_plane.audit_log_tiles where level = $1 and tile = $2")
        .bind(i32::try_from(level).unwrap_or(i32::MAX))
        .bind(i64::try_from(tile).unwrap_or(i64::MAX))
}
