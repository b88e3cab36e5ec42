//! A database that is up but unavailable: no connections, locks, timeouts, read-only.

use auditrail_testkit::{TestDb, Transport, over_each_transport};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::Probe;
use crate::service::key;

over_each_transport! {
    no_connections_returns_503,
    no_writer_connection_returns_503_for_writes,
    refused_logins_return_503,
    locked_table_returns_503,
    statement_timeout_returns_503,
    read_only_database_returns_503_for_writes,
}

async fn start(db: &TestDb) -> Probe {
    Probe::start(&db.url(&db.service()), key(db).await).await
}

async fn sql(db: &mut PgConnection, sql: &str) {
    db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
}

/// Terminates the sessions of the service that match a condition.
async fn end_sessions(db: &mut PgConnection, which: &str) {
    let end = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
          where datname = current_database() and usename = 'auditrail_service' and {which}"
    );
    sql(db, &end).await;
}

async fn no_connections_returns_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut probe = start(&db).await;
    let limit = |most: i32| format!("alter database {} connection limit {most}", db.name());
    sql(&mut admin, &limit(0)).await;
    end_sessions(&mut admin, "true").await;
    // Every request fails at the key lookup.
    probe.writes_fail_with("keys_unavailable").await;
    probe.reads_fail_with("keys_unavailable").await;
    probe.becomes_unready().await;
    sql(&mut admin, &limit(-1)).await;
    probe.recovers().await;
}

async fn no_writer_connection_returns_503_for_writes(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut probe = start(&db).await;
    let limit = |most: i32| format!("alter database {} connection limit {most}", db.name());
    sql(&mut admin, &limit(0)).await;
    end_sessions(&mut admin, "application_name = 'auditrail writer'").await;
    // The pool keeps enough connections for key lookups and reads.
    probe.writes_fail_with("database_busy").await;
    sql(&mut admin, &limit(-1)).await;
    probe.recovers().await;
}

async fn refused_logins_return_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut probe = start(&db).await;
    let connections =
        |allow: bool| format!("alter database {} with allow_connections {allow}", db.name());
    let mut elsewhere = db.connect(db.admin().database("postgres")).await;
    sql(&mut elsewhere, &connections(false)).await;
    end_sessions(&mut admin, "true").await;
    probe.writes_fail_with("keys_unavailable").await;
    probe.reads_fail_with("keys_unavailable").await;
    sql(&mut elsewhere, &connections(true)).await;
    probe.recovers().await;
}

async fn locked_table_returns_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut probe = start(&db).await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "begin; lock table control_plane.audit_logs in access exclusive mode").await;
    probe.writes_fail_with("database_busy").await;
    // The statement and the request have the same timeout, so either may end first.
    for _ in 0..2 {
        let (read, export) = tokio::join!(probe.read(), probe.export());
        for code in [read, export] {
            let code = code.unwrap();
            assert!(["database_busy", "timeout"].contains(&code.as_str()), "{code}");
        }
    }
    sql(&mut owner, "rollback").await;
    probe.recovers().await;
}

async fn statement_timeout_returns_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut probe = start(&db).await;
    let slow = "create function public.slow() returns trigger language plpgsql as $$
                begin perform pg_sleep(60); return new; end $$;
                create trigger slow before insert on control_plane.audit_logs
                for each row execute function public.slow()";
    db.as_owner(slow).await;
    probe.writes_fail_with("database_busy").await;
    assert_eq!(probe.read().await, None);
    db.as_owner("drop trigger slow on control_plane.audit_logs").await;
    probe.recovers().await;
}

async fn read_only_database_returns_503_for_writes(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut probe = start(&db).await;
    let read_only =
        |on: &str| format!("alter database {} set default_transaction_read_only = {on}", db.name());
    sql(&mut admin, &read_only("on")).await;
    end_sessions(&mut admin, "true").await;
    probe.writes_fail_with("read_only").await;
    assert_eq!(probe.read().await, None);
    sql(&mut admin, &read_only("off")).await;
    probe.recovers().await;
}
