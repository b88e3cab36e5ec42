//! For SeaORM 2.

use auditrail_core::{CreateInput, Record};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, SqlErr, Statement};

use crate::{RecordInError, SQL, text};

/// Writes a record in a transaction, and returns it as it is stored. The same id and content again
/// return what is there.
///
/// Give a `DatabaseTransaction`; a `DatabaseConnection` commits it by itself. SeaORM does not tell
/// SQLSTATEs, so what the database refuses is [`RecordInError::Database`] but for an id that is taken.
///
/// # Errors
/// [`RecordInError`].
pub async fn record_in(
    transaction: &impl ConnectionTrait,
    input: &CreateInput,
) -> Result<Record, RecordInError<DbErr>> {
    let sorted = |error: DbErr| {
        let taken = matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)));
        RecordInError::of(error, taken.then_some("23505"))
    };
    let asked = Statement::from_sql_and_values(DbBackend::Postgres, SQL, [text::of(input)?.into()]);
    let row = transaction.query_one_raw(asked).await.map_err(sorted)?;
    let row = row.ok_or_else(|| sorted(DbErr::RecordNotFound(SQL.to_owned())))?;
    let record: String = row.try_get("", "record").map_err(sorted)?;
    text::record(&record)
}
