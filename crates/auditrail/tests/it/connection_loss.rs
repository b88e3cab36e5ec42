//! Lost database connections and interrupts during an import or export.

use std::io::Write;
use std::process::Stdio;

use auditrail_testkit::TestDb;
use sqlx::PgConnection;

use crate::import::{counts, lines};
use crate::sandbox::{Run, Sandbox};

/// Terminates the sessions of the program. Returns how many there were.
async fn terminate_sessions(admin: &mut PgConnection) -> i64 {
    let sql = "select count(pg_terminate_backend(pid))
                 from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query_scalar(sql).fetch_one(admin).await.unwrap()
}

async fn stored(admin: &mut PgConnection) -> i64 {
    let sql = "select count(*) from control_plane.audit_logs";
    sqlx::query_scalar(sql).fetch_one(admin).await.unwrap()
}

#[tokio::test]
async fn aborted_import_can_be_repeated() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let args = ["import", "--format", "ndjson", "--json", "--rejects", "r.ndjson", "-"];
    let mut command = sandbox.command(&args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The first chunk is committed while the program waits for the rest of the second.
    stdin.write_all(lines(0..7_000).as_bytes()).unwrap();
    while stored(&mut admin).await < 5_000 {
        tokio::task::yield_now().await;
    }
    assert!(terminate_sessions(&mut admin).await >= 1);
    // The program may exit before it has read all input.
    drop(stdin.write_all(lines(7_000..12_000).as_bytes()));
    drop(stdin);
    let run: Run = child.wait_with_output().unwrap().into();
    let run = run.code(6).stderr_has("5000 records in 1 chunk committed");
    assert_eq!(run.error_code(), "database_unreachable");
    assert_eq!(run.out, "");
    assert_eq!(stored(&mut admin).await, 5_000);

    let again = sandbox.run_with_input(&args, lines(0..12_000).as_bytes()).code(0);
    assert_eq!(counts(&again.json()), (7_000, 5_000, 0));
}

#[tokio::test]
async fn interrupted_import_keeps_complete_chunks() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut command = sandbox.command(&["import", "--format", "ndjson", "--json", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines(0..7_000).as_bytes()).unwrap();
    while stored(&mut admin).await < 5_000 {
        tokio::task::yield_now().await;
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    // stdin stays open: the program must not wait for the rest of it.
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    drop(stdin);
    assert_eq!(stored(&mut admin).await, 5_000);
}

#[tokio::test]
async fn disconnected_export_leaves_no_file() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let fill = "insert into control_plane.audit_logs
                    (actor_id, actor_type, action, target_type, target_id)
                select 'u', 'user', 'a.b', 't', 'x' from generate_series(1, 200000)";
    sqlx::raw_sql(fill).execute(&mut admin).await.unwrap();
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut command = sandbox.command(&["export", "--format", "csv", "--output", "out.csv"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reading = "select count(*) from pg_stat_activity
                    where datname = current_database() and query like 'fetch forward%'";
    while sqlx::query_scalar::<_, i64>(reading).fetch_one(&mut admin).await.unwrap() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the export was over too soon");
    }
    terminate_sessions(&mut admin).await;
    let run: Run = child.wait_with_output().unwrap().into();
    run.code(6);
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}
