//! The target types of an actor type.

use auditrail_core::ActorType;

use super::loose_scan::{PROBES_MAX, complete, probes};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Most target types in the list. A log has about ten, one with the events of a cloud provider about a
/// hundred.
const TARGET_TYPES_MAX: i32 = 200;

/// The target types in records of this type of actor; `None` when there are too many.
///
/// The index of both types is in the order of time where both are known, so with the list it can be read
/// for a range of time. A loose index scan: one probe per type.
pub(in crate::records) async fn targets_of(
    mut db: Db<'_>,
    actor_type: ActorType,
) -> Result<Option<Vec<String>>, StoreError> {
    let sql = Sql::new(
        concat!("with recursive ", probes!("$2", "$3"), ", distinct_type as (
             (select target_type, 1 as place
                from control_plane.audit_logs
               where actor_type = $1
               order by target_type
               limit 1)
             union all
             select (select l.target_type
                       from control_plane.audit_logs l
                      where l.actor_type = $1 and l.target_type > d.target_type
                      order by l.target_type
                      limit 1),
                    d.place + 1
               from distinct_type d
              where d.target_type is not null and d.place <= (select most from probes)
         )
         select target_type, (select most from probes) from distinct_type where target_type is not null"),
    )
    .bind(actor_type.as_str())
    .bind(TARGET_TYPES_MAX)
    .bind(PROBES_MAX);
    let rows = db.fetch(&sql).await;
    rows.and_then(|rows| complete(&rows))
        .map_err(StoreError::while_trying_to("list the target types"))
}
