//! The layouts of the table of the log.

use auditrail_store::migrate::{Runner, silent};

use crate::connection::{connect, run};
use crate::db::TestDb;
use crate::roles::grants;

/// Distributes the records over partitions.
const SPREAD: &str = include_str!("sql/spread.sql");

impl TestDb {
    /// As [`migrated`](Self::migrated), with a table that is not partitioned, as in an installation that has not
    /// adopted partitions.
    ///
    /// # Panics
    /// If there is no PostgreSQL, with the reason.
    pub async fn plain() -> Self {
        let db = Self::empty().await;
        let runner = Runner::new(db.owner());
        let up = async |to| {
            let applied = runner.up(to, &mut silent).await;
            applied.unwrap_or_else(|e| panic!("cannot migrate the database: {e}"))
        };
        up(Some(1)).await;
        // A table that something depends on stays plain.
        db.as_owner("create view public.dependent as select id from control_plane.audit_logs")
            .await;
        let applied = up(None).await;
        assert!(applied.not_partitioned.is_some(), "the table is partitioned");
        db.as_owner("drop view public.dependent").await;
        db.as_owner(&grants()).await;
        db
    }

    /// Distributes the records evenly over five ranges of ids and the default partition, in place of the existing
    /// partitions. Their `xact_id` stays.
    ///
    /// # Panics
    /// If a statement fails, or there are fewer than seven records.
    pub async fn spread_over_partitions(&self) {
        let mut owner = connect(&self.owner()).await;
        run(&mut owner, &format!("begin; set local search_path = ''; {SPREAD}; commit")).await;
        run(&mut owner, "analyze control_plane.audit_logs").await;
    }
}
