//! The connections of a run.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::LOCK_TIMEOUT_MILLIS;
use super::error::RetentionError;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::leadership::{Attempt, Candidate, Leadership};
use crate::owner_session;
use crate::sql::Sql;

/// Longest duration of a statement. It looks at a bounded number of rows.
pub(super) const STATEMENT_TIMEOUT: &str = "60s";
/// Longest pause between two statements of a transaction. The longest ones are those for files: the next lines of an
/// archive are read, or unused archives are removed. A process that is suspended for longer loses its locks.
const IDLE_TIMEOUT: &str = "60s";
/// Longest time that the session of the leadership may be silent; see [`HEARTBEAT`].
const LEADER_IDLE_TIMEOUT: &str = "5min";
/// How often the leadership is checked during a run, so that only a process that is suspended is silent for long.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(30);
/// The leadership of everything that changes partitions.
const LEADERSHIP: &str = "partitions";

/// The connection of a run.
#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
}

impl Session {
    /// Connects. No setting of the URL, the database or the role affects the session.
    pub(super) async fn open(options: &PgConnectOptions) -> Result<Self, StoreError> {
        let connection = owner_session::connect(options, "auditrail retention").await;
        let connection = connection.map_err(StoreError::while_trying_to("connect"))?;
        let mut session = Self { connection };
        let timeouts = format!(
            "set lock_timeout = '{LOCK_TIMEOUT_MILLIS}ms';
             set statement_timeout = '{STATEMENT_TIMEOUT}';
             set idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'"
        );
        session.execute("set the timeouts of a session", timeouts).await?;
        Ok(session)
    }

    /// Whether the server still responds.
    pub(super) async fn is_usable(&mut self) -> bool {
        self.connection.ping().await.is_ok()
    }

    /// Ends the session, which the server does in any case.
    pub(super) async fn close(self) {
        drop(self.connection.close().await);
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Runs a statement that is not worth preparing.
    pub(super) async fn fetch(
        &mut self,
        doing: &'static str,
        sql: Sql,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = Db::from(&mut self.connection).fetch(&sql.unprepared()).await;
        rows.map_err(StoreError::while_trying_to(doing))
    }

    /// Runs statements without parameters. Their text has only names and values that were quoted.
    pub(super) async fn execute(
        &mut self,
        doing: &'static str,
        text: String,
    ) -> Result<(), StoreError> {
        let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
        let outcome = statements.execute(&mut self.connection).await;
        outcome.map(drop).map_err(StoreError::while_trying_to(doing))
    }

    /// Lets the next statements take as long as they need, or no longer than usual.
    pub(super) async fn set_unbounded(&mut self, is_unbounded: bool) -> Result<(), StoreError> {
        let timeout = if is_unbounded { "0" } else { STATEMENT_TIMEOUT };
        self.execute("set a timeout", format!("set statement_timeout = '{timeout}'")).await
    }
}

/// Becomes the one process that changes partitions.
pub(super) async fn lead(options: &PgConnectOptions) -> Result<Leadership, RetentionError> {
    let doing = "elect the process that removes records";
    let options = options.clone().application_name("auditrail retention lock");
    let connection = PgConnection::connect_with(&options).await;
    let connection = connection.map_err(StoreError::while_trying_to(doing))?;
    let attempt = Candidate::new(connection, LEADERSHIP).attempt().await;
    match attempt.map_err(StoreError::while_trying_to(doing))? {
        Attempt::Elected(mut leadership) => {
            let limited = leadership.limit_silence(LEADER_IDLE_TIMEOUT).await;
            limited.map_err(StoreError::while_trying_to(doing))?;
            Ok(leadership)
        }
        Attempt::Busy(_) => Err(RetentionError::Busy),
    }
}

/// Text as a literal, whatever `standard_conforming_strings` is.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
