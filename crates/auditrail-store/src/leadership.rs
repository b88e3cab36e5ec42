//! Elects one leader among many processes, by an advisory lock of PostgreSQL.
//!
//! The lock is a transaction-level advisory lock, held by an open transaction on a dedicated
//! connection. The server releases it when that transaction ends for any reason, so no error,
//! cancelled future or `kill -9` can leak it, and it works through a pooler in transaction mode. The
//! transaction runs nothing else: without a snapshot it does not block `CREATE INDEX CONCURRENTLY`
//! or vacuum. Candidates poll in short transactions for the same reason; a session blocked in
//! `pg_advisory_lock` has a snapshot.
//!
//! # When the connection is lost
//!
//! A leader that crashes closes its connection and loses the lock at once. A leader whose host
//! vanishes keeps the lock until the server notices: TCP keepalives are set for the session to give
//! up after about 30 seconds. A leader that still runs notices a lost connection by
//! [`Leadership::check`], and must call it before anything that only a leader may do.
//!
//! Between the loss of the lock and the next check two processes can believe to be the leader. A
//! task that must never run twice needs a guard in the database as well: for instance it commits
//! only if the row it advances still has the value it read.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

/// How long [`Leadership::check`] waits for the server, before the lock counts as lost.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a transaction that the server does not end for being idle, and that it ends soon when the
/// client's host is gone. Settings of TCP have no effect on Unix sockets. At any other isolation level the
/// transaction would keep the snapshot of its first statement, and a concurrent index build would wait for it.
const BEGIN: &str = "begin isolation level read committed;
                     set local idle_in_transaction_session_timeout = 0;
                     set local tcp_keepalives_idle = 10;
                     set local tcp_keepalives_interval = 5;
                     set local tcp_keepalives_count = 4;
                     set local tcp_user_timeout = 30000";

/// A candidate for leadership: a connection that does not hold the lock.
#[derive(Debug)]
pub(crate) struct Candidate {
    connection: PgConnection,
    key: i64,
}

/// The lock. Its holder is the leader until [`release`](Self::release), until this value is dropped
/// or until the connection is lost.
#[derive(Debug)]
pub(crate) struct Leadership {
    connection: PgConnection,
}

/// The result of one attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// This process is the leader now.
    Elected(Leadership),
    /// Another session holds the lock.
    Busy(Candidate),
}

impl Candidate {
    /// A candidate for the leadership named `name`, over a dedicated connection.
    pub(crate) fn new(connection: PgConnection, name: &str) -> Self {
        Self { connection, key: lock_key(name) }
    }

    /// Tries once to become the leader. Does not wait for the lock.
    ///
    /// # Errors
    /// When the connection is lost; then this process is not the leader.
    pub(crate) async fn attempt(mut self) -> Result<Attempt, sqlx::Error> {
        sqlx::raw_sql(BEGIN).execute(&mut self.connection).await?;
        let is_elected: bool =
            sqlx::query_scalar("select pg_catalog.pg_try_advisory_xact_lock($1)")
                .bind(self.key)
                .fetch_one(&mut self.connection)
                .await?;
        if is_elected {
            return Ok(Attempt::Elected(Leadership { connection: self.connection }));
        }
        sqlx::raw_sql("rollback").execute(&mut self.connection).await?;
        Ok(Attempt::Busy(self))
    }

    /// The connection and the key of the lock, to look up who holds it.
    pub(crate) fn parts(&mut self) -> (&mut PgConnection, i64) {
        (&mut self.connection, self.key)
    }
}

impl Leadership {
    /// Checks that this process is still the leader: the lock is lost with its connection.
    ///
    /// # Errors
    /// When the connection is lost, or does not answer within five seconds. Another process may be
    /// the leader then.
    pub(crate) async fn check(&mut self) -> Result<(), sqlx::Error> {
        timeout(CHECK_TIMEOUT, self.connection.ping())
            .await
            .unwrap_or_else(|elapsed| Err(sqlx::Error::Io(elapsed.into())))
    }

    /// Lets the server end the session, and with it the leadership, when it is silent for longer than this, a
    /// setting such as `5min`. The leader must [`check`](Self::check) it more often. By default it may be silent for
    /// ever, so that a suspended process stays the leader.
    ///
    /// # Errors
    /// When the connection is lost, and the lock with it.
    pub(crate) async fn limit_silence(&mut self, timeout: &str) -> Result<(), sqlx::Error> {
        sqlx::query("select pg_catalog.set_config('idle_in_transaction_session_timeout', $1, true)")
            .bind(timeout)
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    /// Steps down. Dropping the value has the same effect once the server notices the closed
    /// connection.
    ///
    /// # Errors
    /// When the connection is lost, and the lock with it.
    pub(crate) async fn release(mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("rollback").execute(&mut self.connection).await?;
        // The lock is released with the transaction; an error while closing has no consequence.
        drop(self.connection.close().await);
        Ok(())
    }
}

/// The key of a name: the first bytes of a hash, so that other users of advisory locks (sqlx's own
/// migrator among them) are unlikely to choose the same.
fn lock_key(name: &str) -> i64 {
    use sha2::{Digest, Sha256};
    let hash: [u8; 32] = Sha256::digest(format!("auditrail {name}")).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use auditrail_testkit::TestDb;

    use super::{Attempt, Candidate, Leadership};

    async fn candidate(db: &TestDb) -> Candidate {
        Candidate::new(db.connect(db.app()).await, "test")
    }

    /// One attempt of each; at most one may win.
    async fn elect(candidates: Vec<Candidate>) -> (Vec<Leadership>, Vec<Candidate>) {
        let mut leaders = Vec::new();
        let mut others = Vec::new();
        for result in
            futures_util::future::join_all(candidates.into_iter().map(Candidate::attempt)).await
        {
            match result.unwrap() {
                Attempt::Elected(leadership) => leaders.push(leadership),
                Attempt::Busy(candidate) => others.push(candidate),
            }
        }
        (leaders, others)
    }

    /// Repeats the election until a leader is elected: the server may need a moment to notice a loss.
    async fn elect_eventually(mut candidates: Vec<Candidate>) -> (Leadership, Vec<Candidate>) {
        for _ in 0..500 {
            let (mut leaders, others) = elect(candidates).await;
            assert!(leaders.len() <= 1, "two leaders");
            if let Some(leader) = leaders.pop() {
                return (leader, others);
            }
            candidates = others;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("no leader was elected");
    }

    #[tokio::test]
    async fn one_of_several_candidates_is_elected() {
        let db = TestDb::migrated().await;
        let mut candidates = Vec::new();
        for _ in 0..5 {
            candidates.push(candidate(&db).await);
        }
        let (mut leader, others) = elect_eventually(candidates).await;
        assert_eq!(others.len(), 4);
        leader.check().await.unwrap();
        let (leaders, others) = elect(others).await;
        assert_eq!((leaders.len(), others.len()), (0, 4));
        leader.release().await.unwrap();
        let (_, others) = elect_eventually(others).await;
        assert_eq!(others.len(), 3);
    }

    #[tokio::test]
    async fn names_are_independent() {
        let db = TestDb::migrated().await;
        let other = Candidate::new(db.connect(db.app()).await, "other");
        let (leaders, _) = elect(vec![candidate(&db).await, other]).await;
        assert_eq!(leaders.len(), 2);
    }

    #[tokio::test]
    async fn terminated_leader_is_replaced_and_detects_it() {
        let db = TestDb::migrated().await;
        let (mut leader, _) = elect_eventually(vec![candidate(&db).await]).await;
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut leader.connection)
            .await
            .unwrap();
        let mut admin = db.connect(db.admin()).await;
        let is_terminated: bool = sqlx::query_scalar("select pg_terminate_backend($1)")
            .bind(pid)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert!(is_terminated);
        elect_eventually(vec![candidate(&db).await]).await;
        leader.check().await.unwrap_err();
    }

    #[tokio::test]
    async fn dropped_leader_is_replaced() {
        let db = TestDb::migrated().await;
        let (leader, _) = elect_eventually(vec![candidate(&db).await]).await;
        drop(leader);
        elect_eventually(vec![candidate(&db).await]).await;
    }

    #[tokio::test]
    async fn lock_session_has_tcp_keepalives_and_no_idle_timeout() {
        let db = TestDb::migrated().await;
        let (mut leader, _) = elect_eventually(vec![candidate(&db).await]).await;
        let shown: String = sqlx::query_scalar(
            "select current_setting('idle_in_transaction_session_timeout') || ' '
                    || current_setting('tcp_user_timeout')",
        )
        .fetch_one(&mut leader.connection)
        .await
        .unwrap();
        // TCP settings read as zero over a Unix socket.
        assert!(["0 30s", "0 30000", "0 0"].contains(&shown.as_str()), "{shown}");
    }

    #[tokio::test]
    async fn silent_leader_is_replaced_if_its_silence_is_limited() {
        let db = TestDb::migrated().await;
        let (mut leader, _) = elect_eventually(vec![candidate(&db).await]).await;
        leader.limit_silence("50ms").await.unwrap();
        elect_eventually(vec![candidate(&db).await]).await;
        leader.check().await.unwrap_err();
    }
}
