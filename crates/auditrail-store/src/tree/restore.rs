//! The right edge of a tree, from the rows of the log.

use std::collections::BTreeMap;

use tlog::{Edge, EdgeError, Hash, Resource, TilePath};

use super::rows;
use crate::db::Db;
use crate::error::StoreError;

/// The edge of the tree of this size, to which entries are to be added: the rows must have no more than that.
pub(super) async fn last_edge(db: Db<'_>, size: u64) -> Result<Edge, StoreError> {
    let found = rows::hashes(db, paths(size)).await?;
    Edge::restore(size, levels(size, found)).map_err(damaged)
}

/// The edge of the tree of this size, at most that of the log.
pub(super) async fn edge(db: Db<'_>, size: u64) -> Result<Edge, StoreError> {
    let found = rows::hashes(db, paths(size)).await?;
    let mut levels = levels(size, found);
    for (level, hashes) in levels.iter_mut().enumerate() {
        hashes.truncate(Edge::width(size, level));
    }
    Edge::restore(size, levels).map_err(damaged)
}

/// The partial tiles of a tree, lowest level first, also those without hashes.
fn paths(size: u64) -> Vec<TilePath> {
    let height = size.checked_ilog2().unwrap_or(0) / 8 + 1;
    let levels = 0..u8::try_from(height).unwrap_or(8);
    levels.map(|level| TilePath::full(Resource::Hashes(level), tile_at(size, level))).collect()
}

fn levels(size: u64, mut found: BTreeMap<(u8, u64), Vec<Hash>>) -> Vec<Vec<Hash>> {
    let hashes = |path: TilePath| {
        let Resource::Hashes(level) = path.resource() else { return Vec::new() };
        found.remove(&(level, path.index())).unwrap_or_default()
    };
    paths(size).into_iter().map(hashes).collect()
}

/// The index of the partial tile of a level.
fn tile_at(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0)
}

fn damaged(error: EdgeError) -> StoreError {
    StoreError::DamagedTree { detail: error.to_string() }
}
