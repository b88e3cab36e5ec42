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
    /// Only records whose transactions came before this one are looked at: they are visible to every later snapshot,
    /// and the sequencer, if there is one, has given them their positions.
    pub(super) horizon: u64,
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
            let horizon: i64 = row.get(3)?;
            Ok(Some(Self {
                kept_at: row.get::<PgTime>(0)?.0,
                upper: upper.0,
                version: row.get(2)?,
                horizon: u64::try_from(horizon).unwrap_or_default(),
                schema_version: row.get(4)?,
                has_order: row.get(5)?,
            }))
        };
        let row = rows.first().ok_or(sqlx::Error::RowNotFound);
        let context = row.and_then(read).map_err(StoreError::while_trying_to(doing))?;
        let Some(mut context) = context else { return Ok(None) };
        if context.has_order
            && let Some(sequenced) = sequenced(db).await?
        {
            context.horizon = context.horizon.min(sequenced);
        }
        Ok(Some(context))
    }

    /// The horizon as a transaction id of 64 bits, and as one of 32.
    pub(super) fn horizon_parameters(&self) -> (String, String) {
        let short = self.horizon & u64::from(u32::MAX);
        // The first three ids have other meanings.
        (self.horizon.to_string(), short.max(3).to_string())
    }
}

const CONTEXT: &str = "
    select now(),
           (select max(now() - make_interval(hours => 24 * keep_days))
              from control_plane.audit_log_retention_rules),
           control_plane.audit_log_retention_version(),
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
           (select max(version)::bigint from control_plane.schema_migrations),
           to_regclass('control_plane.audit_log_sequencer') is not null";

/// Transactions before this one have positions in the log's order; `None` before the sequencer's first round.
async fn sequenced(db: &mut Session) -> Result<Option<u64>, StoreError> {
    let doing = "look up the state of the sequencer";
    let sql = Sql::new(
        "select pg_snapshot_xmin(done)::text::bigint from control_plane.audit_log_sequencer",
    );
    let rows = db.fetch(doing, sql).await?;
    let xid: Option<Option<i64>> = rows
        .first()
        .map(|row| row.get(0))
        .transpose()
        .map_err(StoreError::while_trying_to(doing))?;
    Ok(xid.flatten().and_then(|xid| u64::try_from(xid).ok()))
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
