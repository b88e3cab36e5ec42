//! For `SeaORM` 2.

use auditrail_core::{CreateInput, Record};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement};

use crate::{RecordInError, SQL, wire};

/// Writes a record in a transaction, and returns the stored record. Repeating the same id and
/// content returns the existing record.
///
/// Pass a `DatabaseTransaction`; a `DatabaseConnection` commits it at once.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &impl ConnectionTrait,
    input: &CreateInput,
) -> Result<Record, RecordInError<DbErr>> {
    let classify = |error: DbErr| {
        let sqlstate = sqlstate(&error);
        wire::error(error, sqlstate.as_deref())
    };
    let statement =
        Statement::from_sql_and_values(DbBackend::Postgres, SQL, [wire::parameter(input)?.into()]);
    let row = transaction.query_one_raw(statement).await.map_err(classify)?;
    let row = row.ok_or_else(|| classify(DbErr::RecordNotFound(SQL.to_owned())))?;
    let record: String = row.try_get("", "record").map_err(classify)?;
    wire::record(&record)
}

fn sqlstate(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            error.as_database_error()?.code().map(String::from)
        }
        _ => None,
    }
}
