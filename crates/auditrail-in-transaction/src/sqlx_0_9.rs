//! For sqlx 0.9.

use auditrail_core::{CreateInput, Record};
use sqlx::{Error, PgConnection};

use crate::{RecordInError, SQL, wire};

/// Writes a record in the transaction of a connection, and returns the stored record. Repeating the same id and
/// content returns the existing record.
///
/// Pass `&mut *tx` or `&mut tx`; a connection without a transaction commits it at once.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &mut PgConnection,
    input: &CreateInput,
) -> Result<Record, RecordInError<Error>> {
    let statement = sqlx::query_scalar::<_, String>(SQL).bind(wire::parameter(input)?);
    let record = statement.fetch_one(transaction).await.map_err(|error| {
        let code = error.as_database_error().and_then(|e| e.code()).map(String::from);
        wire::error(error, code.as_deref())
    })?;
    wire::record(&record)
}
