//! The rows of the log: bundles of entries, and tiles of hashes.

use std::collections::BTreeMap;

use auditrail_evidence::LogEntry;
use tlog::{Hash, Resource, TilePath};

use super::stored::unpack;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;

const DOING: &str = "read the transparency log";

/// The hashes of tiles by level and index, as far as they are stored: a tile that is not has no entry, and one that has
/// grown is wider than its path says. Those of level 0 are computed from the entries.
pub(super) async fn hashes(
    mut db: Db<'_>,
    paths: impl IntoIterator<Item = TilePath>,
) -> Result<BTreeMap<(u8, u64), Vec<Hash>>, StoreError> {
    let (mut bundles, mut tiles) = (Vec::new(), Vec::new());
    for path in paths {
        match path.resource() {
            Resource::Hashes(0) | Resource::Entries => bundles.push(number(path.index())),
            Resource::Hashes(level) => tiles.push((i32::from(level), number(path.index()))),
        }
    }
    let mut found = BTreeMap::new();
    if !bundles.is_empty() {
        for (bundle, entries) in self::bundles(db.again(), &bundles).await? {
            found.insert((0, bundle), entries.iter().map(LogEntry::leaf_hash).collect());
        }
    }
    if !tiles.is_empty() {
        let rows = db.fetch(&tiles_sql(&tiles)).await;
        for row in rows.map_err(StoreError::while_trying_to(DOING))? {
            let (level, tile, hashes) = tile(&row).map_err(StoreError::while_trying_to(DOING))?;
            let hashes = hashes.ok_or_else(|| damaged(&format!("tile {tile} of level {level}")))?;
            found.insert((level, tile), hashes);
        }
    }
    Ok(found)
}

/// The entries of a bundle, as far as they are stored.
pub(super) async fn bundle(db: Db<'_>, bundle: u64) -> Result<Option<Vec<LogEntry>>, StoreError> {
    let found = bundles(db, &[number(bundle)]).await?;
    Ok(found.into_iter().next().map(|(_, entries)| entries))
}

/// The entries of bundles, by their number, as far as they are stored.
pub(crate) async fn bundles(
    mut db: Db<'_>,
    bundles: &[i64],
) -> Result<BTreeMap<u64, Vec<LogEntry>>, StoreError> {
    let rows = db.fetch(&bundles_sql(bundles)).await;
    let rows = rows.map_err(StoreError::while_trying_to(DOING))?;
    let read = |row: &Row| -> Result<(i64, Option<Vec<LogEntry>>), sqlx::Error> {
        Ok((row.get(0)?, unpack(row.get(1)?)))
    };
    let mut found = BTreeMap::new();
    for row in &rows {
        let (number, entries) = read(row).map_err(StoreError::while_trying_to(DOING))?;
        let entries = entries.ok_or_else(|| damaged(&format!("bundle {number}")))?;
        found.insert(u64::try_from(number).unwrap_or_default(), entries);
    }
    Ok(found)
}

fn bundles_sql(bundles: &[i64]) -> Sql {
    Sql::new("select bundle, entries from control_plane.audit_log_bundles where bundle = any($1)")
        .bind_array(bundles)
}

fn tiles_sql(tiles: &[(i32, i64)]) -> Sql {
    Sql::new(
        "select t.level::bigint, t.tile, t.hashes
           from unnest($1, $2) as wanted (level, tile)
           join control_plane.audit_log_tiles t
             on t.level = wanted.level::smallint and t.tile = wanted.tile",
    )
    .bind_array(tiles.iter().map(|(level, _)| *level))
    .bind_array(tiles.iter().map(|(_, tile)| *tile))
}

fn tile(row: &Row) -> Result<(u8, u64, Option<Vec<Hash>>), sqlx::Error> {
    let (level, tile): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (hashes, rest) = row.get::<&[u8]>(2)?.as_chunks::<{ Hash::BYTES }>();
    let hashes = rest.is_empty().then(|| hashes.iter().copied().map(Hash).collect());
    let (level, tile) = (u8::try_from(level), u64::try_from(tile));
    Ok((level.unwrap_or_default(), tile.unwrap_or_default(), hashes))
}

/// A number of a row. No log is as large as half of `u64`.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn damaged(what: &str) -> StoreError {
    StoreError::DamagedTree { detail: format!("{what} is not valid") }
}
