//! Six concurrent `migrate` processes.

use auditrail_testkit::{TestDb, until};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::migrate::latest;
use crate::sandbox::Sandbox;

/// Runs six processes concurrently. Returns how many migrations each applied, sorted.
fn six_at_once(sandbox: &Sandbox) -> Vec<i64> {
    let mut applied: Vec<i64> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| sandbox.run(&["migrate", "--json"]).code(0).json());
        let started: Vec<_> = (0..6).map(|_| start()).collect();
        let ended = started.into_iter().map(|run| run.join().unwrap());
        ended.map(|run| run["applied"].as_array().unwrap().len().try_into().unwrap()).collect()
    });
    applied.sort_unstable();
    applied
}

async fn sql(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

/// The history has transactional steps and concurrent index builds.
#[tokio::test]
async fn one_of_six_concurrent_runs_migrates() {
    for _ in 0..30 {
        let db = TestDb::empty().await;
        let sandbox = Sandbox::with(&db.url(&db.owner()));
        assert_eq!(six_at_once(&sandbox), [0, 0, 0, 0, 0, latest()]);
        sandbox.run(&["migrate", "verify"]).code(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_transaction_only_delays_migrations() {
    for version in ["1", "2", "4"] {
        let db = TestDb::empty().await;
        let sandbox = Sandbox::with(&db.url(&db.owner()));
        sandbox.run(&["migrate", "--to", version]).code(0);
        let mut holder = db.connect(db.owner()).await;
        let hold = "begin; insert into control_plane.audit_logs
                        (actor_id, actor_type, action, target_type, target_id)
                    values ('u1', 'user', 'project.created', 'project', 'p1')";
        sql(&mut holder, hold).await;

        let runs = tokio::task::spawn_blocking(move || (six_at_once(&sandbox), sandbox));
        // The next step locks the table, so one of the six waits for the open transaction.
        let mut observer = db.connect(db.admin()).await;
        let waits = "select exists (
            select from pg_stat_activity
             where datname = current_database() and application_name = 'auditrail migrate'
               and wait_event_type = 'Lock')";
        until(&mut observer, waits).await;
        sql(&mut holder, "commit").await;

        let (applied, sandbox) = runs.await.unwrap();
        assert_eq!(applied, [0, 0, 0, 0, 0, latest() - version.parse::<i64>().unwrap()]);
        sandbox.run(&["migrate", "verify"]).code(0);
    }
}
