//! For `SeaORM` 2.

use auditrail_core::{CreateInput, Record};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement};

use crate::{RecordInError, SQL, wire};

/// Writes a record in a transaction, and returns it as it is stored. The same id and content again
/// return what is there.
///
/// Give a `DatabaseTransaction`; a `DatabaseConnection` commits it by itself.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &impl ConnectionTrait,
    input: &CreateInput,
) -> Result<Record, RecordInError<DbErr>> {
    let sorted = |error: DbErr| {
        let sqlstate = sqlstate(&error);
        wire::error(error, sqlstate.as_deref())
    };
    let asked =
        Statement::from_sql_and_values(DbBackend::Postgres, SQL, [wire::parameter(input)?.into()]);
    let row = transaction.query_one_raw(asked).await.map_err(sorted)?;
    let row = row.ok_or_else(|| sorted(DbErr::RecordNotFound(SQL.to_owned())))?;
    let record: String = row.try_get("", "record").map_err(sorted)?;
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
