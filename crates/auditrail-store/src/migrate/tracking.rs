//! The tracking table, which records the applied migrations. One function per statement.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::migration::Migration;
use crate::identifier::quoted;

/// The tracking table of one schema, `SCHEMA.schema_migrations`.
#[derive(Clone, Debug)]
pub(crate) struct Tracking {
    schema: String,
    /// Quoted and qualified.
    table: String,
}

/// How a migration got into the tracking table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A runner applied it.
    Applied,
    /// `baseline` adopted the schema.
    Baseline,
    /// Another tool ran the SQL that `migrate sql` prints.
    Script,
    /// A value that this version does not know.
    Unknown,
}

/// A row of the tracking table.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: Vec<u8>,
    pub(crate) breaking: bool,
    pub(crate) origin: Origin,
    pub(crate) applied_at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) applied_by: String,
}

/// The required columns. A table of that name without them belongs to another tool.
const COLUMNS: [&str; 8] = [
    "version",
    "name",
    "checksum",
    "breaking",
    "origin",
    "applied_at",
    "duration_ms",
    "applied_by",
];

impl Tracking {
    pub(crate) fn new(schema: &str) -> Self {
        Self { schema: schema.to_owned(), table: format!("{}.schema_migrations", quoted(schema)) }
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// The statement that creates the schema.
    pub(crate) fn create_schema_sql(&self) -> String {
        format!("create schema if not exists {}", quoted(&self.schema))
    }

    /// The statement that creates the table.
    pub(crate) fn create_table_sql(&self) -> String {
        format!(
            "create table if not exists {} (
    version     bigint      not null constraint schema_migrations_pkey primary key,
    name        text        not null,
    checksum    bytea       not null,
    breaking    boolean     not null,
    origin      text        not null,
    applied_at  timestamptz not null default clock_timestamp(),
    duration_ms bigint      not null,
    applied_by  text        not null
)",
            self.table
        )
    }

    /// The statement that records `migration`, with literal values.
    pub(crate) fn insert_sql(&self, migration: &Migration, applied_by: &str) -> String {
        format!(
            "insert into {} (version, name, checksum, breaking, origin, duration_ms, applied_by)
values ({}, '{}', pg_catalog.decode('{}', 'hex'), {}, 'script', 0, '{}')",
            self.table,
            migration.version(),
            migration.name(),
            migration.checksum(),
            migration.breaking(),
            applied_by.replace('\'', "''"),
        )
    }

    /// Whether the schema exists.
    pub(crate) async fn schema_exists(&self, db: &mut PgConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("select exists (select from pg_catalog.pg_namespace where nspname = $1)")
            .bind(&self.schema)
            .fetch_one(db)
            .await
    }

    /// The columns of the table named like the tracking table; empty if there is none.
    async fn columns(&self, db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar(
            "select a.attname::text
               from pg_catalog.pg_attribute a
               join pg_catalog.pg_class c on c.oid = a.attrelid
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where n.nspname = $1 and c.relname = 'schema_migrations'
                and a.attnum > 0 and not a.attisdropped",
        )
        .bind(&self.schema)
        .fetch_all(db)
        .await
    }

    /// Whether the tracking table exists; the error has the columns that a table of that name lacks.
    pub(crate) async fn exists(
        &self,
        db: &mut PgConnection,
    ) -> Result<Result<bool, Vec<&'static str>>, sqlx::Error> {
        let columns = self.columns(db).await?;
        if columns.is_empty() {
            return Ok(Ok(false));
        }
        let lacking: Vec<&str> =
            COLUMNS.into_iter().filter(|name| !columns.iter().any(|c| c == name)).collect();
        Ok(if lacking.is_empty() { Ok(true) } else { Err(lacking) })
    }

    /// Every row, by version.
    pub(crate) async fn rows(&self, db: &mut PgConnection) -> Result<Vec<Tracked>, sqlx::Error> {
        let sql = format!(
            "select version, name, checksum, breaking, origin, applied_at, duration_ms, applied_by
               from {} order by version",
            self.table
        );
        sqlx::query(AssertSqlSafe(sql))
            .try_map(|row: PgRow| {
                let applied_at: jiff_sqlx::Timestamp = row.try_get("applied_at")?;
                let millis: i64 = row.try_get("duration_ms")?;
                let origin: String = row.try_get("origin")?;
                Ok(Tracked {
                    version: row.try_get("version")?,
                    name: row.try_get("name")?,
                    checksum: row.try_get("checksum")?,
                    breaking: row.try_get("breaking")?,
                    origin: Origin::from_column(&origin),
                    applied_at: applied_at.to_jiff(),
                    took: Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
                    applied_by: row.try_get("applied_by")?,
                })
            })
            .fetch_all(db)
            .await
    }

    /// Records that `migration` was applied.
    pub(crate) async fn insert(
        &self,
        db: &mut PgConnection,
        migration: &Migration,
        origin: Origin,
        took: Duration,
        applied_by: &str,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "insert into {} (version, name, checksum, breaking, origin, duration_ms, applied_by)
             values ($1, $2, $3, $4, $5, $6, $7)",
            self.table
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(migration.version())
            .bind(migration.name())
            .bind(migration.checksum().as_bytes())
            .bind(migration.breaking())
            .bind(origin.as_column())
            .bind(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
            .bind(applied_by)
            .execute(db)
            .await?;
        Ok(())
    }

    /// Whether `version` is recorded.
    pub(crate) async fn contains(
        &self,
        db: &mut PgConnection,
        version: i64,
    ) -> Result<bool, sqlx::Error> {
        let sql = format!("select exists (select from {} where version = $1)", self.table);
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(version).fetch_one(db).await
    }

    /// Deletes the row of `version`.
    pub(crate) async fn delete(
        &self,
        db: &mut PgConnection,
        version: i64,
    ) -> Result<(), sqlx::Error> {
        let sql = format!("delete from {} where version = $1", self.table);
        sqlx::query(AssertSqlSafe(sql)).bind(version).execute(db).await?;
        Ok(())
    }
}

impl Origin {
    fn as_column(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Baseline => "baseline",
            Self::Script => "script",
            Self::Unknown => "unknown",
        }
    }

    fn from_column(text: &str) -> Self {
        match text {
            "applied" => Self::Applied,
            "baseline" => Self::Baseline,
            "script" => Self::Script,
            _ => Self::Unknown,
        }
    }
}
