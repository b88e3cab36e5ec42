//! Runs statements over either driver.
//!
//! Callers pass connections and pools of sqlx; the store opens connections of [`pg_pipeline`], which sends
//! several statements in one exchange. Rows and errors have common types.

use futures_util::TryStreamExt;
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
                let mut replies = run_verified(connection, &statements, usize::MAX).await?;
                Ok(replies.pop().map(rows_of).unwrap_or_default())
            }
        }
    }

    /// As [`fetch`](Self::fetch), without the rows beyond a number of bytes. The first row is always returned.
    ///
    /// If the statement is the last one of a read-only transaction, its end is part of the exchange. Over sqlx
    /// the transaction ends when its owner drops it.
    pub(crate) async fn fetch_within(
        &mut self,
        sql: &Sql,
        max_bytes: usize,
        is_last: bool,
    ) -> Result<Rows, sqlx::Error> {
        match self {
            Self::Sqlx(db) => fetch_within(db, sql, max_bytes).await,
            Self::Pipeline { connection, prologue } => {
                let mut statements = std::mem::take(&mut prologue.0);
                statements.push(sql.clone());
                statements.extend(is_last.then(|| Sql::new("commit")));
                let mut replies = run_verified(connection, &statements, max_bytes).await?;
                if is_last {
                    replies.pop();
                }
                let reply = replies.pop().unwrap_or_default();
                let is_truncated = reply.affected > reply.rows.len() as u64;
                Ok(Rows { rows: rows_of(reply), is_truncated })
            }
        }
    }

    /// Sends these statements before the next one, in the same exchange. Over sqlx the caller has run them already.
    pub(crate) fn prepend(&mut self, statements: impl IntoIterator<Item = Sql>) {
        if let Self::Pipeline { prologue, .. } = self {
            prologue.0.extend(statements);
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

/// Rows of a statement whose result may be too large for memory.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// Whether later rows were dropped.
    pub(crate) is_truncated: bool,
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

async fn fetch_within(
    db: &mut PgConnection,
    sql: &Sql,
    max_bytes: usize,
) -> Result<Rows, sqlx::Error> {
    let mut received = sqlx_query(sql).fetch(db);
    let (mut rows, mut bytes, mut is_truncated) = (Vec::new(), 0_usize, false);
    // Read to the end, so that the connection stays usable.
    while let Some(row) = received.try_next().await? {
        bytes = bytes.saturating_add(size(&row)?);
        is_truncated = !rows.is_empty() && bytes > max_bytes;
        if !is_truncated {
            rows.push(Row::Sqlx(row));
        }
    }
    Ok(Rows { rows, is_truncated })
}

/// The bytes of the values of a row.
fn size(row: &PgRow) -> Result<usize, sqlx::Error> {
    (0..row.len()).try_fold(0, |bytes, column| {
        let value = row.try_get_raw(column)?;
        let length =
            if value.is_null() { 0 } else { value.as_bytes().map_err(sqlx::Error::Decode)?.len() };
        Ok(bytes + length)
    })
}

/// Runs statements in one exchange.
pub(crate) async fn run_together(
    db: &mut Connection,
    statements: &[Sql],
) -> Result<Vec<Reply>, Failed> {
    run_within(db, statements, usize::MAX).await
}

/// As [`run_together`], without the rows of each statement beyond a number of bytes.
async fn run_within(
    db: &mut Connection,
    statements: &[Sql],
    rows_max_bytes: usize,
) -> Result<Vec<Reply>, Failed> {
    let mut exchange = db.exchange();
    exchange.keep_rows(rows_max_bytes);
    statements.iter().for_each(|sql| add_to(&mut exchange, sql));
    exchange.run().await
}

/// As [`run_together`]; a statement that verifies API keys fails with [`key_changed`].
async fn run_verified(
    connection: &mut Connection,
    statements: &[Sql],
    rows_max_bytes: usize,
) -> Result<Vec<Reply>, sqlx::Error> {
    run_within(connection, statements, rows_max_bytes).await.map_err(|failed| {
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
