//! The records of a subject.

use auditrail_core::RecordTime;
use uuid::Uuid;

use super::fields::Subject;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::{PgTime, XactId};

/// A record of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: Uuid,
    pub(super) xact_id: XactId,
    pub(super) created_at: RecordTime,
    pub(super) is_actor: bool,
    pub(super) is_target: bool,
    /// The name of a hold that covers it.
    pub(super) hold: Option<String>,
}

/// The records of a subject that are visible now, at most `max` and one more.
pub(super) async fn records(
    mut db: Db<'_>,
    subject: &Subject,
    max: usize,
) -> Result<Vec<Found>, StoreError> {
    let doing = "find the records of a subject";
    let rows = db.fetch(&records_sql(subject, max)).await;
    let rows = rows.map_err(StoreError::while_trying_to(doing))?;
    let read = |row: &Row| -> Result<Found, sqlx::Error> {
        Ok(Found {
            id: row.get(0)?,
            xact_id: row.get(1)?,
            created_at: row.get::<PgTime>(2)?.0,
            is_actor: row.get(3)?,
            is_target: row.get(4)?,
            hold: row.get(5)?,
        })
    };
    let found = rows.iter().map(read).collect::<Result<_, _>>();
    found.map_err(StoreError::while_trying_to(doing))
}

/// Each side of the subject has an index; a record that has both is found once.
fn records_sql(subject: &Subject, max: usize) -> Sql {
    let actor = subject.actor.as_ref();
    let target = subject.target.as_ref();
    Sql::new(
        "select id, xact_id, created_at, bool_or(is_actor), bool_or(is_target), min(hold)
           from (select id, xact_id, created_at, true as is_actor, false as is_target,
                        control_plane.audit_log_hold_of(
                            id, actor_type, actor_id, action, target_type, target_id, tenant_id,
                            request_id, ip_address, created_at) as hold
                   from control_plane.audit_logs
                  where actor_type = $1 and actor_id = $2
                  union all
                 select id, xact_id, created_at, false, true,
                        control_plane.audit_log_hold_of(
                            id, actor_type, actor_id, action, target_type, target_id, tenant_id,
                            request_id, ip_address, created_at)
                   from control_plane.audit_logs
                  where target_type = $3 and target_id = $4) found
          group by id, xact_id, created_at
          order by xact_id, id
          limit $5",
    )
    .bind_optional(actor.map(|actor| actor.actor_type().as_str()))
    .bind_optional(actor.map(|actor| actor.id()))
    .bind_optional(target.map(|target| target.target_type.as_str()))
    .bind_optional(target.map(|target| target.target_id.as_str()))
    .bind(i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1))
}
