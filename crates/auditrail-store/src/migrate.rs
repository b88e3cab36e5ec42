//! The migration runner.
//!
//! The history of a schema is tracked in the table `schema_migrations` of that schema, so the runner does
//! not interfere with other migration tools in the same database.
//!
//! Guarantees, and the modules that implement them:
//! - one runner at a time, with a timeout for the wait; no lock is leaked: `lock`
//! - the whole history is validated before a step runs: `validate`
//! - a transactional step and its tracking row commit together or not at all; a step that does not get
//!   its table lock soon is rolled back, so that other sessions proceed, and is retried: `execute`
//! - an index that is built concurrently is completed or removed: `concurrent`, `partitioned_index`
//! - an older program works on a newer schema unless a migration is marked as breaking: `validate`
//!
//! Deliberately missing: several files in one transaction, repair of checksums, and dumps of the schema.

mod attempts;
mod baseline;
mod concurrent;
mod concurrent_index;
mod down;
mod error;
mod execute;
mod header;
mod lock;
mod migration;
mod partition;
mod partition_script;
mod partition_triggers;
mod partitioned_index;
mod probe;
mod progress;
mod runner;
mod script;
mod session;
mod set;
mod status;
mod step;
mod tracking;
mod up;
mod validate;

use crate::blocker;
pub use crate::blocker::Blocker;
pub use error::MigrateError;
pub use migration::{Checksum, Migration, MigrationFileError, Undo};
pub use probe::StatusProbe;
pub use progress::{Event, Progress, silent};
pub use runner::{DEFAULT_LOCK_TIMEOUT, Runner};
pub use set::MigrationSet;
pub use status::{MigrationStatus, State, Status};
pub use tracking::Origin;
pub use up::Applied;
pub use validate::Problem;

use sqlx::PgPool;

/// Migrates the schema of the audit log in the database of `pool` to the version of this crate.
///
/// Every instance of an application can call it at startup: one applies the migrations while the others
/// wait. Uses dedicated connections.
///
/// # Errors
/// See [`MigrateError`]; [`MigrateError::Unreachable`] and [`MigrateError::LockBusy`] are worth
/// retrying.
///
/// ```no_run
/// # async fn start(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let applied = auditrail_store::migrate::migrate(&pool).await?;
/// for (migration, took) in &applied.migrations {
///     println!("{} in {took:?}", migration.file());
/// }
/// # Ok(())
/// # }
/// ```
pub async fn migrate(pool: &PgPool) -> Result<Applied, MigrateError> {
    Runner::from_pool(pool).up(None, &mut silent).await
}
