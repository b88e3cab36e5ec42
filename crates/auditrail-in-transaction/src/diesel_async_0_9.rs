//! For diesel-async 0.9 with diesel 2.

use auditrail_core::{CreateInput, Record};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::{RecordInError, SQL, wire};

/// The row of the result.
#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    record: String,
}

/// Writes a record in the transaction of a connection, and returns the stored record. Repeating the same id and
/// content returns the existing record.
///
/// Call it within `connection.transaction(…)`; a connection without a transaction commits it at once.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    connection: &mut AsyncPgConnection,
    input: &CreateInput,
) -> Result<Record, RecordInError<Error>> {
    let statement = diesel::sql_query(SQL).bind::<Text, _>(wire::parameter(input)?);
    let row: Row = statement.get_result(connection).await.map_err(|error| {
        let sqlstate = sqlstate(&error);
        wire::error(error, sqlstate)
    })?;
    wire::record(&row.record)
}

/// diesel does not expose SQLSTATEs; a rejection is detected by the list of problems in its detail.
fn sqlstate(error: &Error) -> Option<&'static str> {
    match error {
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Some(wire::ID_IS_TAKEN),
        Error::DatabaseError(_, info) if info.details().is_some_and(lists_problems) => {
            Some(wire::REFUSED)
        }
        _ => None,
    }
}

/// Whether the detail of an error is a list of problems of the function.
fn lists_problems(detail: &str) -> bool {
    let list = serde_json::from_str::<Vec<Value>>(detail).unwrap_or_default();
    !list.is_empty()
        && list.iter().all(|problem| problem["pointer"].is_string() && problem["code"].is_string())
}
