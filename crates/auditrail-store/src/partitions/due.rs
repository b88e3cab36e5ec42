//! What is due, found without the lock of maintenance.

use sqlx::PgConnection;

use super::catalog::{self, Kind, Layout, Partition};
use super::error::PartitionError;
use super::limits::Limits;
use super::run::is_full;
use super::work::{self, Kind as WorkKind};
use super::{clock, plan};

/// The state of the partitions, for metrics and to decide whether to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The layout.
    pub layout: Layout,
    /// Whether the hot partition is full.
    pub close: bool,
    /// Whether a merge or an adoption is in progress, or a merge is due.
    pub merge: bool,
}

impl Due {
    /// Whether [`Maintenance::run`](super::Maintenance::run) has something to do.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.close || self.merge
    }

    /// The number of attached partitions.
    #[must_use]
    pub fn attached(&self) -> usize {
        self.layout.partitions().len()
    }

    /// The estimated number of records in the hot partition.
    #[must_use]
    pub fn hot_rows(&self) -> i64 {
        self.layout.first(Kind::Hot).map_or(0, |hot| hot.rows)
    }
}

/// Reads what is due, as the owner of the table.
pub(super) async fn due(db: &mut PgConnection, limits: &Limits) -> Result<Due, PartitionError> {
    let failed = || PartitionError::while_trying_to("read the partitions");
    let layout = catalog::layout(db).await.map_err(failed())?.ok_or(PartitionError::NotMigrated)?;
    if matches!(layout, Layout::Plain { .. }) {
        return Ok(Due { layout, close: false, merge: false });
    }
    let now = clock::now(db).await.map_err(failed())?;
    let partitions: &[Partition] = layout.partitions();
    let is_in_progress = work::read(db, WorkKind::Merge).await.map_err(failed())?.is_some()
        || work::read(db, WorkKind::Adopt).await.map_err(failed())?.is_some();
    let merge = is_in_progress || !plan::next_merge(partitions, now, limits).is_empty();
    Ok(Due { close: is_full(partitions, limits), merge, layout })
}
