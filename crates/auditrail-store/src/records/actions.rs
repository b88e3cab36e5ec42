//! The actions that start with a prefix.

use auditrail_core::ActionPrefix;
use sqlx::{PgConnection, Row};

use crate::error::StoreError;

/// Most different actions that are looked through. A log has tens or hundreds; one that puts ids
/// into its actions has millions, and there the walk would cost more than it saves.
const ACTIONS_MAX: i32 = 5_000;

/// Every action in the table that starts with `prefix`; `None` when there are too many actions.
///
/// Why not `LIKE`: a btree serves a prefix only under the "C" collation, and the index has that of
/// the database. Under any other, the texts with one prefix need not even stand next to each other.
/// So this walks the index from one distinct action to the next, a single probe each, which is right
/// under every collation, and the search then asks for exact actions.
pub(super) async fn with_prefix(
    db: &mut PgConnection,
    prefix: &ActionPrefix,
) -> Result<Option<Vec<String>>, StoreError> {
    let rows = sqlx::query(
        "with recursive distinct_action as (
             (select action, 1 as place
                from control_plane.audit_logs
               order by action
               limit 1)
             union all
             select (select l.action
                       from control_plane.audit_logs l
                      where l.action > d.action
                      order by l.action
                      limit 1),
                    d.place + 1
               from distinct_action d
              where d.action is not null and d.place < $2
         )
         select case when starts_with(action, $1) then action end, place = $2
           from distinct_action
          where (starts_with(action, $1) or place = $2) and action is not null",
    )
    .bind(prefix.as_str())
    .bind(ACTIONS_MAX)
    .fetch_all(db)
    .await
    .map_err(StoreError::while_trying_to("list the actions"))?;

    let mut actions = Vec::with_capacity(rows.len());
    for row in rows {
        let read = row
            .try_get(0)
            .and_then(|action| Ok((action, row.try_get(1)?)));
        let (action, is_last_allowed): (Option<String>, bool) =
            read.map_err(StoreError::while_trying_to("list the actions"))?;
        if is_last_allowed {
            return Ok(None);
        }
        actions.extend(action);
    }
    Ok(Some(actions))
}
