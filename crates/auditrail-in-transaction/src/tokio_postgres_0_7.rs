//! For tokio-postgres 0.7, and pools that hand out its clients.

use auditrail_core::{CreateInput, Record};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, GenericClient};

use crate::{RecordInError, SQL, wire};

/// Writes a record in a transaction, and returns it as it is stored. The same id and content again
/// return what is there.
///
/// A client without a transaction commits it by itself. Nothing is prepared, so it is one round trip and
/// works through poolers that share connections between transactions.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &impl GenericClient,
    input: &CreateInput,
) -> Result<Record, RecordInError<Error>> {
    let sorted = |error: Error| {
        let code = error.code().map(|code| code.code().to_owned());
        wire::error(error, code.as_deref())
    };
    let text = wire::parameter(input)?;
    let row = transaction.query_typed_one(SQL, &[(&text, Type::TEXT)]).await.map_err(sorted)?;
    wire::record(row.try_get(0).map_err(sorted)?)
}
