//! The partitions of the log's table.
//!
//! The table `control_plane.audit_logs` is partitioned by range of the id:
//!
//! ```text
//! control_plane.audit_logs         primary key (id), indexes, checks, guard
//! ├─ audit_logs_hot                from b to the horizon: where records with an id in time arrive
//! ├─ audit_logs_t<ms>              closed ranges, named by their lower bound
//! └─ audit_logs_rest               default: random ids, ids before all ranges, records from before adoption
//! ```
//!
//! A bound is an id: the milliseconds of a time since 1970 in the first 48 bits, then zeros, see [`Bound`].
//! The horizon is the year 2100. The default partition has a valid CHECK that excludes the ranges, so that
//! attaching a partition never scans it.
//!
//! Every operation runs as the owner of the table.

mod adopt;
mod bound;
mod catalog;
mod clock;
mod close;
mod create;
mod definition;
mod due;
mod error;
mod leftover;
mod limits;
mod maintenance;
mod merge;
mod moving;
mod name;
mod plan;
mod progress;
mod properties;
mod retry;
mod run;
mod suitability;
mod work;

use std::time::Duration;

use sqlx::PgConnection;

pub(crate) use adopt::{Adoption, adopt_small};
pub use bound::Bound;
pub use catalog::{Kind, Layout, Partition};
pub(crate) use close::Closed;
pub use due::Due;
pub use error::PartitionError;
pub use limits::Limits;
pub use maintenance::Maintenance;
pub use progress::{Event, Progress, silent};
pub use run::Done;
pub(crate) use run::close_if_full;

/// How long one attempt waits for a table lock. Statements on the table wait behind it.
const LOCK_ATTEMPT: Duration = Duration::from_millis(50);

/// The layout of the table. Any role may read it.
///
/// # Errors
/// [`PartitionError::NotMigrated`] if the table does not exist.
pub async fn layout(db: &mut PgConnection) -> Result<Layout, PartitionError> {
    catalog::layout(db)
        .await
        .map_err(PartitionError::while_trying_to("read the partitions"))?
        .ok_or(PartitionError::NotMigrated)
}

/// Whether the table is a plain one that the role of the session owns.
pub(crate) async fn is_plain_and_owned(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_class c
                         where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')
                           and c.relkind = 'r'
                           and pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE'))",
    )
    .fetch_one(db)
    .await
}
