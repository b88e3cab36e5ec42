//! The actions with a prefix.

use auditrail_core::ActionPrefix;

use super::loose_scan::{PROBES_MAX, complete, probes};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Most actions in the list.
const ACTIONS_MAX: i32 = 200;

/// Every action in the table with `prefix`; `None` when there are too many.
///
/// The index has the entries of each action in the order of time, so the entries of an exact action can be
/// read for a range of time, but those of a prefix only entirely. This is a loose index scan: one probe per
/// distinct action. It compares bytes (collation "C"): under the collation of a language, texts with one
/// prefix are not necessarily adjacent.
pub(in crate::records) async fn with_prefix(
    mut db: Db<'_>,
    prefix: &ActionPrefix,
) -> Result<Option<Vec<String>>, StoreError> {
    let sql = Sql::new(concat!(
        "with recursive ",
        probes!("$3", "$4"),
        r#", distinct_action as (
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
              where d.action is not null and d.place <= (select most from probes)
         )
         select action, (select most from probes) from distinct_action where action is not null"#
    ))
    .bind(prefix.as_str())
    .bind(end(prefix))
    .bind(ACTIONS_MAX)
    .bind(PROBES_MAX);
    let rows = db.fetch(&sql).await;
    rows.and_then(|rows| complete(&rows)).map_err(StoreError::while_trying_to("list the actions"))
}

/// The exclusive upper bound of texts with `prefix`, in byte order: a prefix ends with a dot, and the next
/// byte is a slash.
pub(in crate::records) fn end(prefix: &ActionPrefix) -> String {
    let mut end = prefix.as_str().to_owned();
    if end.pop().is_some() {
        end.push('/');
    }
    end
}
