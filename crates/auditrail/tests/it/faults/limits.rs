//! A database that is up and gives nothing: no connection, no time, no lock.

use auditrail_testkit::{TestDb, Transport, over_each_transport};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::Tried;
use crate::running::key;

over_each_transport! {
    without_connections_everything_is_503_until_there_are_some,
    without_a_connection_for_the_writer_writes_alone_are_503,
    a_role_that_may_not_connect_is_503_until_it_may,
    a_locked_table_is_503_for_reads_and_writes_until_it_is_free,
    a_statement_that_takes_too_long_is_503,
    a_database_that_becomes_read_only_is_503_for_writes_alone,
}

async fn start(db: &TestDb) -> Tried {
    Tried::start(&db.url(&db.service()), key(db).await).await
}

async fn sql(db: &mut PgConnection, sql: &str) {
    db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
}

/// Ends the sessions of the service of which this is true.
async fn end_sessions(db: &mut PgConnection, which: &str) {
    let end = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
          where datname = current_database() and usename = 'auditrail_service' and {which}"
    );
    sql(db, &end).await;
}

async fn without_connections_everything_is_503_until_there_are_some(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut tried = start(&db).await;
    let limit = |most: i32| format!("alter database {} connection limit {most}", db.name());
    sql(&mut admin, &limit(0)).await;
    end_sessions(&mut admin, "true").await;
    // Nobody gets past the check of the key.
    tried.refuses_writes("keys_unavailable").await;
    tried.refuses_reads("keys_unavailable").await;
    tried.refuses_to_be_ready().await;
    sql(&mut admin, &limit(-1)).await;
    tried.recovers().await;
}

async fn without_a_connection_for_the_writer_writes_alone_are_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut tried = start(&db).await;
    let limit = |most: i32| format!("alter database {} connection limit {most}", db.name());
    sql(&mut admin, &limit(0)).await;
    end_sessions(&mut admin, "application_name = 'auditrail writer'").await;
    // With the connections that the pool still has, as many as it needs.
    tried.refuses_writes("database_busy").await;
    sql(&mut admin, &limit(-1)).await;
    tried.recovers().await;
}

async fn a_role_that_may_not_connect_is_503_until_it_may(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut tried = start(&db).await;
    let connections =
        |allow: bool| format!("alter database {} with allow_connections {allow}", db.name());
    let mut elsewhere = db.connect(db.admin().database("postgres")).await;
    sql(&mut elsewhere, &connections(false)).await;
    end_sessions(&mut admin, "true").await;
    tried.refuses_writes("keys_unavailable").await;
    tried.refuses_reads("keys_unavailable").await;
    sql(&mut elsewhere, &connections(true)).await;
    tried.recovers().await;
}

async fn a_locked_table_is_503_for_reads_and_writes_until_it_is_free(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut tried = start(&db).await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "begin; lock table control_plane.audit_logs in access exclusive mode").await;
    tried.refuses_writes("database_busy").await;
    // Either the statement ends first or the request; both take as long.
    for _ in 0..2 {
        let (read, export) = tokio::join!(tried.read(), tried.export());
        for code in [read, export] {
            let code = code.unwrap();
            assert!(["database_busy", "timeout"].contains(&code.as_str()), "{code}");
        }
    }
    sql(&mut owner, "rollback").await;
    tried.recovers().await;
}

async fn a_statement_that_takes_too_long_is_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut tried = start(&db).await;
    let slow = "create function public.slow() returns trigger language plpgsql as $$
                begin perform pg_sleep(60); return new; end $$;
                create trigger slow before insert on control_plane.audit_logs
                for each row execute function public.slow()";
    db.as_owner(slow).await;
    tried.refuses_writes("database_busy").await;
    assert_eq!(tried.read().await, None);
    db.as_owner("drop trigger slow on control_plane.audit_logs").await;
    tried.recovers().await;
}

async fn a_database_that_becomes_read_only_is_503_for_writes_alone(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let mut admin = db.connect(db.admin()).await;
    let mut tried = start(&db).await;
    let read_only =
        |on: &str| format!("alter database {} set default_transaction_read_only = {on}", db.name());
    sql(&mut admin, &read_only("on")).await;
    end_sessions(&mut admin, "true").await;
    tried.refuses_writes("read_only").await;
    assert_eq!(tried.read().await, None);
    sql(&mut admin, &read_only("off")).await;
    tried.recovers().await;
}
