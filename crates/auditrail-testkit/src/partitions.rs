//! The partitioned layout of the log, for tests.

use crate::connection::{connect, run};
use crate::db::TestDb;

/// Turns the plain table into the partitioned layout.
const ADOPT: &str = include_str!("sql/adopt.sql");
/// Distributes the records over partitions.
const SPREAD: &str = include_str!("sql/spread.sql");

impl TestDb {
    /// As [`migrated`](Self::migrated), with the partitioned layout.
    ///
    /// # Panics
    /// If there is no PostgreSQL, with the reason.
    pub async fn partitioned() -> Self {
        let db = Self::migrated().await;
        db.adopt().await;
        db
    }

    /// Turns the plain table into the partitioned layout, if it is plain.
    ///
    /// # Panics
    /// If a statement fails.
    pub async fn adopt(&self) {
        self.as_owner(&format!("begin; set local search_path = ''; {ADOPT}; commit")).await;
    }

    /// Distributes the records evenly over five ranges of ids and the default partition, in place of the existing
    /// partitions. Their xact_id stays.
    ///
    /// # Panics
    /// If a statement fails, or there are fewer than seven records.
    pub async fn spread_over_partitions(&self) {
        self.adopt().await;
        let mut owner = connect(&self.owner()).await;
        run(&mut owner, &format!("begin; set local search_path = ''; {SPREAD}; commit")).await;
        run(&mut owner, "analyze control_plane.audit_logs").await;
    }
}
