//! The migrations as SQL, to be run with another tool.

use super::error::MigrateError;
use super::runner::Runner;

/// Fails, as the runner does before the first step. A single expression, for tools that split statements.
const ENCODING_CHECK: &str = "\
select case when pg_catalog.current_setting('server_encoding') <> 'UTF8'
            then ('the encoding of the database must be UTF8, but is '
                  || pg_catalog.current_setting('server_encoding'))::pg_catalog.int4 end;";

/// What to do about concurrent steps on a partitioned table. It is plain before the first migration.
const PARTITIONED: &str = "\
-- If the table is partitioned, PostgreSQL builds none of its indexes concurrently. Then apply the
-- migrations with `auditrail migrate`, or run, in place of `create index concurrently I on T ...`:
--     create index I on only T ...;
--     create index concurrently I_P on P ...;      for each partition P of T
--     alter index I attach partition I_P;          likewise";

impl Runner {
    /// The SQL of every migration with a number in `from..=to`, including the tracking rows that
    /// [`Runner::status`] reads. Needs no database.
    ///
    /// # Errors
    /// When there is no migration `to`.
    pub fn script(&self, from: Option<i64>, to: Option<i64>) -> Result<String, MigrateError> {
        let target = self.target(to)?;
        let from = from.unwrap_or(1);
        let tracking = self.tracking();
        let mut out = String::new();
        let mut line = |text: &str| {
            out.push_str(text.trim_end());
            out.push_str("\n\n");
        };
        line(
            "-- Run each step unchanged: steps outside begin and commit build an index\n\
              -- concurrently and cannot be part of a transaction.",
        );
        let is_selected = |version| from <= version && version <= target;
        let selected = || self.set.migrations().iter().filter(|m| is_selected(m.version));
        if from > 1 && selected().any(|migration| !migration.transactional()) {
            line(PARTITIONED);
        }
        if from <= 1 {
            line(ENCODING_CHECK);
            line(&format!("{};", tracking.create_schema_sql()));
            line(&format!("{};", tracking.create_table_sql()));
        }
        for migration in selected() {
            let tracking_row = format!("{};", tracking.insert_sql(migration, &self.program));
            line(&format!("-- ===== {} =====", migration.file()));
            if migration.transactional() {
                line("begin;");
                line(&migration.sql);
                line(&tracking_row);
                line("commit;");
            } else {
                line(&migration.sql);
                line(&tracking_row);
            }
        }
        Ok(format!("{}\n", out.trim_end()))
    }
}
