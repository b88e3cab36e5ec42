//! Whether a run has something to do.

use std::time::Duration;

use super::session::Session;
use crate::error::StoreError;
use crate::sql::Sql;

/// Whether a run has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionDue {
    /// No rule removes records, and every run has its record.
    Nothing,
    /// A rule was set or changed a short time ago, and may still be corrected.
    Settling,
    /// A run may remove records, or has to record what an interrupted one removed.
    Run,
}

/// Looks at the rules and at interrupted runs.
pub(super) async fn due(db: &mut Session, settled: Duration) -> Result<RetentionDue, StoreError> {
    let doing = "look up whether retention is due";
    let sql = Sql::new(
        "select exists (select from control_plane.audit_log_retention_rules
                         where keep_days is not null)
                or exists (select from control_plane.audit_log_retention_runs
                            where recorded_at is null),
                exists (select from control_plane.audit_log_retention_rules
                         where changed_at > now() - make_interval(secs => $1::bigint))",
    )
    .bind(i64::try_from(settled.as_secs()).unwrap_or(i64::MAX));
    let rows = db.fetch(doing, sql).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    let flags = row.and_then(|row| Ok((row.get::<bool>(0)?, row.get::<bool>(1)?)));
    let (is_due, is_settling) = flags.map_err(StoreError::while_trying_to(doing))?;
    Ok(match (is_due, is_settling) {
        (false, _) => RetentionDue::Nothing,
        (true, true) => RetentionDue::Settling,
        (true, false) => RetentionDue::Run,
    })
}
