//! Operations that are interrupted at any moment.

#![expect(clippy::print_stdout, reason = "figures, for those who run the test by hand")]

use std::time::Duration;

use auditrail_store::partitions::{Maintenance, PartitionError, silent};
use auditrail_testkit::TestDb;
use sqlx::PgConnection;
use tokio::time::timeout;

use super::merge::{SMALL, run_to_the_end, three_closed};
use super::support::{contents, insert, late_id, names, one, partitions, plain, timed_id};

/// How an operation is interrupted.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    /// Its connections are closed; what the server is doing goes on.
    Client,
    /// The server ends its sessions.
    Server,
}

/// Runs `operation` again and again, interrupted ever later, until it ends by itself. `between` runs after each
/// interruption. Returns the number of interruptions.
async fn interrupt(
    db: &TestDb,
    how: Interruption,
    operation: impl AsyncFn(&TestDb) -> Result<(), PartitionError>,
    mut between: impl AsyncFnMut(),
) -> u32 {
    let mut interruptions = 0;
    let mut limit = Duration::from_millis(5);
    loop {
        let outcome = match how {
            Interruption::Client => timeout(limit, operation(db)).await.ok(),
            Interruption::Server => Some(terminated(db, limit, operation(db)).await),
        };
        match outcome {
            Some(Ok(())) => return interruptions,
            None => interruptions += 1,
            Some(Err(PartitionError::Unreachable { .. })) => interruptions += 1,
            Some(Err(PartitionError::AnotherProcess)) => {}
            Some(Err(error)) => panic!("{error:?}"),
        }
        between().await;
        limit = limit.mul_f64(1.4);
    }
}

/// Runs `operation`, and has the server end its sessions after `limit`.
async fn terminated(
    db: &TestDb,
    limit: Duration,
    operation: impl Future<Output = Result<(), PartitionError>>,
) -> Result<(), PartitionError> {
    let mut operation = std::pin::pin!(operation);
    if let Ok(outcome) = timeout(limit, &mut operation).await {
        return outcome;
    }
    let mut admin = db.connect(db.admin()).await;
    let terminate = async {
        loop {
            let sessions: i64 = one(
                &mut admin,
                "select count(pg_terminate_backend(pid)) from pg_stat_activity
                  where datname = current_database() and application_name = 'auditrail partition'",
            )
            .await;
            if sessions > 0 {
                break;
            }
        }
    };
    tokio::select! {
        outcome = &mut operation => return outcome,
        () = terminate => {}
    }
    operation.await
}

async fn merge(db: &TestDb) -> Result<(), PartitionError> {
    let maintenance = Maintenance::new(db.owner()).with_limits(SMALL);
    maintenance.run(&mut silent).await.map(drop)
}

/// The number of records.
async fn count(db: &mut PgConnection) -> i64 {
    one(db, "select count(*) from control_plane.audit_logs").await
}

/// The number of tables whose names start like partitions.
async fn tables(db: &mut PgConnection) -> i64 {
    one(db, "select count(*) from pg_class where relname like 'audit\\_logs\\_%' and relkind = 'r'")
        .await
}

#[tokio::test]
async fn interrupted_merge_loses_and_duplicates_nothing() {
    for how in [Interruption::Client, Interruption::Server] {
        let db = three_closed(1_000).await;
        let mut owner = db.connect(db.owner()).await;
        let mut app = db.connect(db.app()).await;
        let late = late_id(&partitions(&mut owner).await[1]);
        let mut expected = contents(&mut app).await;
        let interruptions = interrupt(&db, how, merge, async || {
            assert_eq!(contents(&mut app).await, expected);
            insert(&mut app, &late, 1).await;
            expected = contents(&mut app).await;
        })
        .await;
        println!("{how:?}: {interruptions} interruptions");
        assert!(interruptions > 2, "{interruptions}");
        run_to_the_end(&db).await;
        assert_eq!(contents(&mut owner).await, expected);
        assert_eq!(names(&mut owner).await.len(), 3);
        assert_eq!(tables(&mut owner).await, 3, "no table is left");
    }
}

#[tokio::test]
async fn interrupted_close_loses_and_duplicates_nothing() {
    for how in [Interruption::Client, Interruption::Server] {
        let db = TestDb::migrated().await;
        let mut owner = db.connect(db.owner()).await;
        let mut app = db.connect(db.app()).await;
        insert(&mut app, &timed_id(0), 1_000).await;
        insert(&mut app, &timed_id(86_400), 500).await;
        let mut expected = contents(&mut app).await;
        let close =
            async |db: &TestDb| Maintenance::new(db.owner()).close(&mut silent).await.map(drop);
        let interruptions = interrupt(&db, how, close, async || {
            assert_eq!(contents(&mut app).await, expected);
            insert(&mut app, &timed_id(0), 1).await;
            expected = contents(&mut app).await;
        })
        .await;
        println!("{how:?}: {interruptions} interruptions");
        assert_eq!(contents(&mut owner).await, expected);
        assert_eq!(tables(&mut owner).await, i64::try_from(names(&mut owner).await.len()).unwrap());
    }
}

#[tokio::test]
async fn interrupted_adoption_refuses_no_write() {
    for how in [Interruption::Client, Interruption::Server] {
        let db = plain().await;
        let mut owner = db.connect(db.owner()).await;
        insert(&mut owner, "gen_random_uuid()", 51_000).await;
        let mut expected = 51_000;
        let adopt =
            async |db: &TestDb| Maintenance::new(db.owner()).adopt(&mut silent).await.map(drop);
        let interruptions = interrupt(&db, how, adopt, async || {
            // Ids before, in and after the range of the hot partition.
            for id in [timed_id(0), timed_id(86_400), "gen_random_uuid()".to_owned()] {
                insert(&mut owner, &id, 1).await;
            }
            expected += 3;
            assert_eq!(count(&mut owner).await, expected);
        })
        .await;
        println!("{how:?}: {interruptions} interruptions");
        assert!(interruptions > 2, "{interruptions}");
        assert_eq!(count(&mut owner).await, expected);
        assert_eq!(names(&mut owner).await, ["audit_logs_hot", "audit_logs_rest"]);
        assert_eq!(tables(&mut owner).await, 2);
    }
}

#[tokio::test]
async fn one_process_at_a_time_changes_partitions() {
    let db = three_closed(10).await;
    let maintenance = Maintenance::new(db.owner()).with_limits(SMALL);
    let runs = futures_util::future::join_all(
        (0..4).map(|_| async { maintenance.run(&mut silent).await }),
    )
    .await;
    let (done, refused): (Vec<_>, Vec<_>) = runs.into_iter().partition(Result::is_ok);
    assert!(!done.is_empty());
    for error in refused {
        assert!(matches!(error, Err(PartitionError::AnotherProcess)), "{error:?}");
    }
}
