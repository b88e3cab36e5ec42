//! The migration runner.
//!
//! It keeps one schema's history in that schema's own `schema_migrations` table, so it lives beside
//! an application's own migrations, of whatever tool, in the same database.
//!
//! What it holds to, and where to read how:
//! - one runner at a time, waiting with a timeout, no lock ever left behind: `lock`
//! - everything is checked before anything runs: `validate`
//! - a transactional step and its tracking row commit together or not at all, and a step that cannot
//!   have its table soon lets other sessions through and tries again: `step`
//! - an index built concurrently is finished or removed, never left half-built unnoticed:
//!   `concurrent`
//! - an older program on a newer schema works until a migration says it is breaking: `validate`
//!
//! Left out on purpose: running many files in one transaction, repairing checksums, and taking a
//! dump of the schema.

mod baseline;
mod blocker;
mod concurrent;
mod concurrent_index;
mod down;
mod error;
mod execute;
mod header;
mod lock;
mod migration;
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

pub use blocker::Blocker;
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

/// Brings the audit log's schema in the database of `pool` to the version this crate is built for.
///
/// Safe to call from every instance of an application at start-up: one applies, the others wait and
/// go on. Runs on connections of its own.
///
/// # Errors
/// See [`MigrateError`]; [`MigrateError::Unreachable`] and [`MigrateError::LockBusy`] are worth
/// another try.
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
