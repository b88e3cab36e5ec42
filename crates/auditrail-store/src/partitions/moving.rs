//! Moves the records of a range of ids from one table to another.
//!
//! They are copied first, while records are written, so that the lock is held only for the deletion of the
//! originals and for the records since.

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::name;

/// Most records of one step of the copy.
const STEP_ROWS: i64 = 2_000;

/// The records to move: those of `source` from `lower` to before `upper`, and their destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move<'a> {
    pub(super) source: &'a str,
    pub(super) target: &'a str,
    pub(super) lower: Uuid,
    pub(super) upper: Uuid,
}

impl Move<'_> {
    /// Copies the records in short transactions. The copies are in no partition yet.
    pub(super) async fn copy(&self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut next = Some(self.lower);
        while let Some(from) = next {
            next = self.copy_step(db, from).await?;
        }
        Ok(())
    }

    /// Copies some records from `from` on, and returns the id to continue at.
    async fn copy_step(
        &self,
        db: &mut PgConnection,
        from: Uuid,
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let sql = format!(
            "with step as (select * from {} where id >= $1 and id < $2 order by id limit $3),
                  copied as (insert into {} select * from step on conflict (id) do nothing)
             select count(*), max(id::text)::uuid from step",
            name::table(self.source),
            name::table(self.target)
        );
        let (rows, last): (i64, Option<Uuid>) = sqlx::query_as(AssertSqlSafe(sql))
            .bind(from)
            .bind(self.upper)
            .bind(STEP_ROWS)
            .fetch_one(db)
            .await?;
        Ok(last.filter(|_| rows == STEP_ROWS))
    }

    /// Deletes the originals, and adds the records that were not copied. Within a transaction that has an
    /// exclusive lock on the source, from which the guard of each row was removed. Returns false if a record was
    /// changed or removed since it was copied: then the transaction must be rolled back, and the copy started
    /// again.
    pub(super) async fn finish(&self, tx: &mut PgConnection) -> Result<bool, sqlx::Error> {
        set_maintenance(tx, "retention").await?;
        let sql = format!(
            "with moved as (delete from {source} where id >= $1 and id < $2 returning *),
                  changed as (select from moved join {target} copied on copied.id = moved.id
                               where row(copied.*) is distinct from row(moved.*)),
                  added as (insert into {target} select * from moved on conflict (id) do nothing
                            returning id)
             select (select count(*) from moved)
                        = (select count(*) from {target}) + (select count(*) from added)
                    and not exists (select from changed)",
            source = name::table(self.source),
            target = name::table(self.target)
        );
        let is_same = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(self.lower)
            .bind(self.upper)
            .fetch_one(&mut *tx)
            .await?;
        set_maintenance(tx, "").await?;
        Ok(is_same)
    }
}

/// Allows statements of the transaction to remove records, or no longer.
async fn set_maintenance(db: &mut PgConnection, purpose: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_catalog.set_config('auditrail.maintenance', $1, true)")
        .bind(purpose)
        .execute(db)
        .await?;
    Ok(())
}
