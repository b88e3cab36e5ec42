//! The actions that start with a prefix.

use auditrail_core::ActionPrefix;

use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Most actions that are listed; each costs a probe of the index, some ten microseconds.
const ACTIONS_MAX: i32 = 200;

/// Every action in the table that starts with `prefix`; `None` when there are too many.
///
/// Why not the prefix alone: the index holds each action in the order of time, so an exact action
/// can be read for a stretch of time, and a prefix only whole. This walks from one distinct action to
/// the next, a single probe each. It compares bytes, collation "C": under a language's collation the
/// texts with one prefix need not even stand next to each other.
pub(in crate::records) async fn with_prefix(
    mut db: Db<'_>,
    prefix: &ActionPrefix,
) -> Result<Option<Vec<String>>, StoreError> {
    let sql = Sql::new(
        r#"with recursive distinct_action as (
             (select action collate "C" as action, 1 as place
                from control_plane.audit_logs
               where action collate "C" >= $1 and action collate "C" < $2
               order by action collate "C"
               limit 1)
             union all
             select (select l.action collate "C"
                       from control_plane.audit_logs l
                      where l.action collate "C" > d.action and l.action collate "C" < $2
                      order by l.action collate "C"
                      limit 1),
                    d.place + 1
               from distinct_action d
              where d.action is not null and d.place <= $3
         )
         select action from distinct_action where action is not null"#,
    )
    .bind(prefix.as_str())
    .bind(end(prefix))
    .bind(ACTIONS_MAX);
    let rows = db.fetch(&sql).await;
    let actions: Result<Vec<String>, _> =
        rows.and_then(|rows| rows.iter().map(|row| row.get(0)).collect());
    let actions = actions.map_err(StoreError::while_trying_to("list the actions"))?;

    let fits = i32::try_from(actions.len()).is_ok_and(|count| count <= ACTIONS_MAX);
    Ok(fits.then_some(actions))
}

/// The first text after all that start with `prefix`, byte by byte: a prefix ends with a dot, and the
/// next byte is a slash.
pub(in crate::records) fn end(prefix: &ActionPrefix) -> String {
    let mut end = prefix.as_str().to_owned();
    if end.pop().is_some() {
        end.push('/');
    }
    end
}
