//! Six `migrate` processes at once.

use auditrail_testkit::{TestDb, until};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::program::Desk;

/// Runs six at once to their ends and gives how many migrations each applied, fewest first.
fn six_at_once(desk: &Desk) -> Vec<usize> {
    let mut applied: Vec<usize> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| desk.run(&["migrate", "--json"]).code(0).json());
        let started: Vec<_> = (0..6).map(|_| start()).collect();
        let ended = started.into_iter().map(|run| run.join().unwrap());
        ended.map(|run| run["applied"].as_array().unwrap().len()).collect()
    });
    applied.sort_unstable();
    applied
}

async fn sql(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

/// The history has steps of both kinds: in a transaction, and concurrent index builds.
#[tokio::test]
async fn on_an_empty_database_one_applies_everything_and_all_end_well_thirty_times_over() {
    for _ in 0..30 {
        let db = TestDb::empty().await;
        let desk = Desk::with(&db.url(&db.owner()));
        assert_eq!(six_at_once(&desk), [0, 0, 0, 0, 0, 13]);
        desk.run(&["migrate", "verify"]).code(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_that_holds_the_table_delays_them_and_breaks_nothing() {
    for version in ["1", "2", "4"] {
        let db = TestDb::empty().await;
        let desk = Desk::with(&db.url(&db.owner()));
        desk.run(&["migrate", "--to", version]).code(0);
        let mut holder = db.connect(db.owner()).await;
        let hold = "begin; insert into control_plane.audit_logs
                        (actor_id, actor_type, action, target_type, target_id)
                    values ('u1', 'user', 'project.created', 'project', 'p1')";
        sql(&mut holder, hold).await;

        let runs = tokio::task::spawn_blocking(move || (six_at_once(&desk), desk));
        // The step that is next needs the table, so one of the six gets that far and waits.
        let mut observer = db.connect(db.admin()).await;
        let waits = "select exists (
            select from pg_stat_activity
             where datname = current_database() and application_name = 'auditrail migrate'
               and wait_event_type = 'Lock')";
        until(&mut observer, waits).await;
        sql(&mut holder, "commit").await;

        let (applied, desk) = runs.await.unwrap();
        assert_eq!(applied, [0, 0, 0, 0, 0, 13 - version.parse::<usize>().unwrap()]);
        desk.run(&["migrate", "verify"]).code(0);
    }
}
