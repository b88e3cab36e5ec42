//! For diesel-async 0.9 with diesel 2.

use auditrail_core::{CreateInput, Record};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{RecordInError, SQL, text};

/// The answer.
#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    record: String,
}

/// Writes a record in the transaction of a connection, and returns it as it is stored. The same id and
/// content again return what is there.
///
/// Call it within `connection.transaction(…)`; a connection without a transaction commits it by itself.
/// diesel does not tell SQLSTATEs, so what the database refuses is [`RecordInError::Database`] but for an
/// id that is taken.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    connection: &mut AsyncPgConnection,
    input: &CreateInput,
) -> Result<Record, RecordInError<Error>> {
    let asked = diesel::sql_query(SQL).bind::<Text, _>(text::of(input)?);
    let row: Row = asked.get_result(connection).await.map_err(|error| {
        let taken = matches!(error, Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _));
        RecordInError::of(error, taken.then_some("23505"))
    })?;
    text::record(&row.record)
}
