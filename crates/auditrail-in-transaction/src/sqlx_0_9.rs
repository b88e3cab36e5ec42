//! For sqlx 0.9.

use auditrail_core::{CreateInput, Record};
use sqlx::{Error, PgConnection};

use crate::{RecordInError, SQL, wire};

/// Writes a record in the transaction of a connection, and returns it as it is stored. The same id and
/// content again return what is there.
///
/// Give `&mut *tx` or `&mut tx`; a connection without a transaction commits it by itself.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &mut PgConnection,
    input: &CreateInput,
) -> Result<Record, RecordInError<Error>> {
    let asked = sqlx::query_scalar::<_, String>(SQL).bind(wire::parameter(input)?);
    let written = asked.fetch_one(transaction).await.map_err(|error| {
        let code = error.as_database_error().and_then(|e| e.code()).map(String::from);
        wire::error(error, code.as_deref())
    })?;
    wire::record(&written)
}
