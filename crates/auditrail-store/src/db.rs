//! Runs statements over either driver.
//!
//! Callers pass connections and pools of sqlx; the store opens connections of [`pg_pipeline`], which sends
//! several statements in one exchange. Rows and errors have common types.

use pg_pipeline::{Connection, Exchange, Failed, Reply};
use sqlx::encode::IsNull;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgRow, PgTypeInfo, Postgres};
use sqlx::{AssertSqlSafe, Encode, PgConnection, Row as _, Type, ValueRef};

use crate::sql::Sql;
use crate::sqlstate::{from_pipeline, key_changed};
use crate::value::{FromValue, decode};

/// A connection of either driver.
#[derive(Debug)]
pub(crate) enum Db<'c> {
    Sqlx(&'c mut PgConnection),
    Pipeline {
        connection: &'c mut Connection,
        /// Statements to send before the first one, in the same exchange.
        prologue: &'c mut Prologue,
    },
}

/// Statements to send before the first one of a caller, in the same exchange.
#[derive(Debug, Default)]
pub(crate) struct Prologue(pub(crate) Vec<Sql>);

/// A row of either driver.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlx(PgRow),
    Pipeline(pg_pipeline::Row),
}

impl Db<'_> {
    /// Runs a statement, and returns its rows.
    pub(crate) async fn fetch(&mut self, sql: &Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlx(db) => {
                let rows = sqlx_query(sql).fetch_all(&mut **db).await?;
                Ok(rows.into_iter().map(Row::Sqlx).collect())
            }
            Self::Pipeline { connection, prologue } => {
                let mut statements = std::mem::take(&mut prologue.0);
                statements.push(sql.clone());
                let mut replies = run_verified(connection, &statements).await?;
                Ok(replies.pop().map(rows_of).unwrap_or_default())
            }
        }
    }

    /// Runs the last statement of a read-only transaction, and ends the transaction.
    pub(crate) async fn fetch_last(&mut self, sql: &Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            // The transaction ends when its owner drops it.
            Self::Sqlx(_) => self.fetch(sql).await,
            Self::Pipeline { connection, prologue } => {
                let mut statements = std::mem::take(&mut prologue.0);
                statements.extend([sql.clone(), Sql::new("commit")]);
                let mut replies = run_verified(connection, &statements).await?;
                replies.pop();
                Ok(replies.pop().map(rows_of).unwrap_or_default())
            }
        }
    }

    /// Reborrows the connection.
    pub(crate) fn again(&mut self) -> Db<'_> {
        match self {
            Self::Sqlx(db) => Db::Sqlx(db),
            Self::Pipeline { connection, prologue } => Db::Pipeline { connection, prologue },
        }
    }
}

impl<'c> From<&'c mut PgConnection> for Db<'c> {
    fn from(db: &'c mut PgConnection) -> Self {
        Self::Sqlx(db)
    }
}

impl Row {
    /// Reads a column, from 0.
    pub(crate) fn get<'r, T: FromValue<'r>>(&'r self, column: usize) -> Result<T, sqlx::Error> {
        decode(match self {
            Self::Sqlx(row) => {
                let value = row.try_get_raw(column)?;
                if value.is_null() {
                    None
                } else {
                    Some(value.as_bytes().map_err(sqlx::Error::Decode)?)
                }
            }
            Self::Pipeline(row) => row.get(column),
        })
    }
}

/// Runs statements in one exchange.
pub(crate) async fn run_together(
    db: &mut Connection,
    statements: &[Sql],
) -> Result<Vec<Reply>, Failed> {
    let mut exchange = db.exchange();
    statements.iter().for_each(|sql| add_to(&mut exchange, sql));
    exchange.run().await
}

/// As [`run_together`]; a statement that verifies API keys fails with [`key_changed`].
async fn run_verified(
    connection: &mut Connection,
    statements: &[Sql],
) -> Result<Vec<Reply>, sqlx::Error> {
    run_together(connection, statements).await.map_err(|failed| {
        if is_key_changed(&failed, statements) { key_changed() } else { from_pipeline(failed) }
    })
}

/// The SQLSTATE `division_by_zero`.
const DIVISION_BY_ZERO: &str = "22012";

/// Whether an exchange failed because an API key is no longer at the expected version.
pub(crate) fn is_key_changed(failed: &Failed, statements: &[Sql]) -> bool {
    failed.error.server().is_some_and(|error| error.code == DIVISION_BY_ZERO)
        && statements.get(failed.statement).is_some_and(Sql::is_key_check)
}

/// The rows of a reply.
pub(crate) fn rows_of(reply: Reply) -> Vec<Row> {
    reply.rows.into_iter().map(Row::Pipeline).collect()
}

/// Adds a statement to an exchange.
pub(crate) fn add_to(exchange: &mut Exchange<'_>, sql: &Sql) {
    let parameters: Vec<_> = sql.parameters().collect();
    exchange.execute(statement(sql), &parameters);
}

fn statement(sql: &Sql) -> pg_pipeline::Statement<'_> {
    pg_pipeline::Statement { text: sql.text(), is_kept: sql.is_prepared() }
}

fn sqlx_query(sql: &Sql) -> sqlx::query::Query<'_, Postgres, sqlx::postgres::PgArguments> {
    let mut query = sqlx::query(AssertSqlSafe(sql.text().to_owned())).persistent(sql.is_prepared());
    for parameter in sql.parameters() {
        query = query.bind(Bound { oid: parameter.oid, value: parameter.value });
    }
    query
}

/// A value in binary format with its type.
struct Bound<'a> {
    oid: u32,
    value: Option<&'a [u8]>,
}

impl Type<Postgres> for Bound<'_> {
    /// Overridden by [`Encode::produces`].
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Bound<'_> {
    fn encode_by_ref(
        &self,
        buf: &mut PgArgumentBuffer,
    ) -> Result<IsNull, Box<dyn std::error::Error + Send + Sync>> {
        match self.value {
            Some(value) => {
                buf.extend_from_slice(value);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.oid)))
    }
}
