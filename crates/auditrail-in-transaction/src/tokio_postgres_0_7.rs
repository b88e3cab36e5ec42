//! For tokio-postgres 0.7, and pools of its clients.

use auditrail_core::{CreateInput, Record};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, GenericClient};

use crate::{RecordInError, SQL, wire};

/// Writes a record in a transaction, and returns the stored record. Repeating the same id and
/// content returns the existing record.
///
/// A client without a transaction commits it at once. Nothing is prepared, so it takes one round trip and
/// works with transaction pooling.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &impl GenericClient,
    input: &CreateInput,
) -> Result<Record, RecordInError<Error>> {
    let classify = |error: Error| {
        let code = error.code().map(|code| code.code().to_owned());
        wire::error(error, code.as_deref())
    };
    let text = wire::parameter(input)?;
    let row = transaction.query_typed_one(SQL, &[(&text, Type::TEXT)]).await.map_err(classify)?;
    wire::record(row.try_get(0).map_err(classify)?)
}
