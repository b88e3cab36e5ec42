//! What decides, for a whole run, which records have expired.

use auditrail_core::RecordTime;

use super::session::Session;
use crate::db::Row;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// What decides which records have expired.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// The time from which ages are counted.
    pub(super) kept_at: RecordTime,
    /// Records with this `created_at` or a later one are kept by every rule.
    pub(super) upper: RecordTime,
    /// The state of the rules.
    pub(super) version: String,
    /// Only records that are visible in this snapshot are looked at; later ones stay until the next run.
    pub(super) snapshot: String,
    /// Of these only the ones that the transparency log has: those visible in its snapshot. `None` without a sequencer,
    /// and before its first round.
    pub(super) sequenced: Option<String>,
    /// The lower 32 bits of a transaction id before which every transaction has ended and was sealed. A restored
    /// record may have a transaction id that this cluster has not reached; then the id of its row counts.
    pub(super) ended: String,
    /// The newest migration.
    pub(super) schema_version: i64,
    /// Whether the log has an order, and so the tables of the sequencer.
    pub(super) has_order: bool,
}

impl Context {
    /// Reads the context; `None` when no rule removes records.
    pub(super) async fn read(db: &mut Session) -> Result<Option<Self>, StoreError> {
        let doing = "read the rules of retention";
        let rows = db.fetch(doing, Sql::new(CONTEXT)).await?;
        let read = |row: &Row| -> Result<Option<Self>, sqlx::Error> {
            let Some(upper) = row.get::<Option<PgTime>>(1)? else { return Ok(None) };
            Ok(Some(Self {
                kept_at: row.get::<PgTime>(0)?.0,
                upper: upper.0,
                version: row.get(2)?,
                snapshot: row.get(3)?,
                sequenced: None,
                ended: String::new(),
                schema_version: row.get(4)?,
                has_order: row.get(5)?,
            }))
        };
        let row = rows.first().ok_or(sqlx::Error::RowNotFound);
        let context = row.and_then(read).map_err(StoreError::while_trying_to(doing))?;
        let Some(mut context) = context else { return Ok(None) };
        if context.has_order {
            context.sequenced = sequenced(db).await?;
        }
        let snapshots = [Some(context.snapshot.as_str()), context.sequenced.as_deref()];
        context.ended = ended(snapshots.into_iter().flatten());
        Ok(Some(context))
    }
}

/// The lowest xmin of snapshots, without the bits of its epoch.
fn ended<'a>(snapshots: impl Iterator<Item = &'a str>) -> String {
    let xmin = |snapshot: &str| snapshot.split(':').next()?.parse::<u64>().ok();
    let lowest = snapshots.filter_map(xmin).min().unwrap_or_default();
    // The first three ids have other meanings.
    (lowest & u64::from(u32::MAX)).max(3).to_string()
}

const CONTEXT: &str = "
    select now(),
           (select max(now() - make_interval(hours => 24 * keep_days))
              from control_plane.audit_log_retention_rules),
           control_plane.audit_log_retention_version(),
           pg_current_snapshot()::text,
           (select max(version)::bigint from control_plane.schema_migrations),
           to_regclass('control_plane.audit_log_sequencer') is not null";

/// A snapshot whose records all are in the transparency log; `None` before the sequencer's first round.
///
/// A record that leaves before it is sealed could never be proved. Until the sealer has reached the sequence for the first
/// time the snapshot is one in which nothing is visible.
async fn sequenced(db: &mut Session) -> Result<Option<String>, StoreError> {
    let doing = "look up the state of the sequencer";
    let sql = Sql::new(
        "select coalesce(t.done, case when s.done is not null then '1:1:'::pg_snapshot end)::text
           from control_plane.audit_log_sequencer s cross join control_plane.audit_log_tree t",
    );
    let rows = db.fetch(doing, sql).await?;
    let snapshot: Option<Option<String>> = rows
        .first()
        .map(|row| row.get(0))
        .transpose()
        .map_err(StoreError::while_trying_to(doing))?;
    Ok(snapshot.flatten())
}

/// The state of the rules now. They cannot change until the transaction ends.
pub(super) async fn lock_rules(db: &mut Session) -> Result<String, StoreError> {
    let doing = "compare the rules of retention";
    db.fetch(doing, Sql::new("lock table control_plane.audit_log_retention_rules in share mode"))
        .await?;
    let rows =
        db.fetch(doing, Sql::new("select control_plane.audit_log_retention_version()")).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_transactions_come_before_the_lowest_xmin() {
        assert_eq!(
            ended(["4294967300:4294967310:", "4294967305:4294967310:4294967306"].into_iter()),
            "4"
        );
        assert_eq!(ended(["731:740:733"].into_iter()), "731");
        assert_eq!(ended(["4294967296:4294967296:"].into_iter()), "3");
    }
}
