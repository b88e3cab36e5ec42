//! Reading over connections of our own: what belongs together goes in one exchange.

use auditrail_core::{Found, Query, Record, RecordId};

use super::{SEARCH_SETTINGS, find, get};
use crate::error::StoreError;
use crate::keys::KeyVersion;
use crate::keys::verify::verify_for_reading_sql;
use crate::sessions::Sessions;
use crate::sql::Sql;

/// Finds a page. A search that one index answers is one exchange: the transaction, its settings, the
/// check of the key and the page.
pub(super) async fn search(
    sessions: &Sessions,
    query: &Query,
    key: Option<KeyVersion>,
) -> Result<Found, StoreError> {
    let prologue = || {
        let begin = Sql::new("begin isolation level repeatable read read only");
        let begin = [begin, Sql::new(SEARCH_SETTINGS)];
        begin.into_iter().chain(check(key)).collect()
    };
    sessions.read(async |db| find(db, query).await, prologue).await
}

/// Gets a record, in one exchange with the check of the key.
pub(super) async fn get(
    sessions: &Sessions,
    id: RecordId,
    key: Option<KeyVersion>,
) -> Result<Option<Record>, StoreError> {
    let prologue = || check(key).into_iter().collect();
    sessions.read(async |db| get::by_id(db, id).await, prologue).await
}

fn check(key: Option<KeyVersion>) -> Option<Sql> {
    key.map(|key| verify_for_reading_sql(&[key]))
}
