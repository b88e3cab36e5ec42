//! Sessions that block a change of the schema.

use std::fmt;

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// A session that holds a lock for which a change of the schema waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Blocker {
    /// Process id of the server session.
    pub pid: Option<i32>,
    /// The application name of the session.
    pub application: String,
    /// Its role.
    pub role: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// How long its transaction has been open, in seconds.
    pub open_for_seconds: f64,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid else {
            return f.write_str("it has just been released");
        };
        let Self { application, role, state, open_for_seconds, .. } = self;
        write!(
            f,
            "session {pid} ({application}, role {role}, {state}, transaction open for {open_for_seconds:.0} s)"
        )
    }
}

/// Sessions other than this one that hold locks on tables of `schema`, the longest transaction first.
pub(crate) async fn table_blockers(
    db: &mut PgConnection,
    schema: &str,
) -> Result<Vec<Blocker>, sqlx::Error> {
    sqlx::query(
        "select distinct a.pid, a.application_name, coalesce(a.usename::text, '') as role,
                coalesce(a.state, '') as state,
                coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as open_for
           from pg_catalog.pg_locks l
           join pg_catalog.pg_class c on c.oid = l.relation
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           join pg_catalog.pg_stat_activity a on a.pid = l.pid
          where n.nspname = $1 and l.granted and l.pid <> pg_backend_pid()
            and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
          order by open_for desc
          limit 5",
    )
    .bind(schema)
    .try_map(|row: PgRow| read_blocker(&row))
    .fetch_all(db)
    .await
}

pub(crate) fn read_blocker(row: &PgRow) -> Result<Blocker, sqlx::Error> {
    Ok(Blocker {
        pid: row.try_get("pid")?,
        application: row.try_get("application_name")?,
        role: row.try_get("role")?,
        state: row.try_get("state")?,
        open_for_seconds: row.try_get("open_for")?,
    })
}
