//! Failed chunks and error connections.

use auditrail_core::Record;
use auditrail_store::{BulkWriter, StoreError};
use auditrail_testkit::TestDb;
use sqlx::{Connection, PgConnection};

use crate::support::{blocked_session, number, record, sql};

fn chunk() -> Vec<Record> {
    (1..=5_000).map(|n| record(n, n)).collect()
}

async fn count(db: &mut PgConnection) -> i64 {
    number(db, "select count(*) from control_plane.audit_logs").await
}

/// Writes the id of a record in the middle without a commit, so that a COPY waits for it.
const TAKE_AN_ID: &str = "insert into control_plane.audit_logs
        (id, actor_id, actor_type, action, target_type, target_id)
    values ('00000000-0000-0000-0000-0000000009c4', 'u', 'user', 'a.b', 'x', 'y')";

#[tokio::test]
async fn rejected_record_rolls_back_its_chunk_only() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let rule = "alter table control_plane.audit_logs
                add constraint no_secrets check (target_type <> 'secret')";
    sql(&mut owner, rule).await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let mut bad = chunk();
    bad[2_500].target = "secret:s1".parse().unwrap();
    for _ in 0..3 {
        let error = writer.write(&bad).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Rejected { rule, .. } if rule == "no_secrets"),
            "{error:?}"
        );
        assert_eq!(count(&mut owner).await, 0);
    }
    assert_eq!(writer.write(&chunk()).await.unwrap().created, 5_000);
    // The same with INSERT: every id but one is taken, and that record is rejected.
    bad.push(record(9_999, 1));
    bad[2_500] = record(2_501, 2_501);
    bad[5_000].target = "secret:s1".parse().unwrap();
    for _ in 0..2 {
        writer.write(&bad).await.unwrap_err();
        assert_eq!(count(&mut owner).await, 5_000);
    }
}

#[tokio::test]
async fn lost_connection_rolls_back_and_the_next_write_reconnects() {
    let db = TestDb::migrated().await;
    let (mut owner, mut admin) = (db.connect(db.owner()).await, db.connect(db.admin()).await);
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let mut holder = owner.begin().await.unwrap();
    sql(&mut holder, TAKE_AN_ID).await;
    let records = chunk();
    let terminate = async {
        let pid = blocked_session(&mut admin).await;
        let is_terminated: bool = sqlx::query_scalar("select pg_terminate_backend($1)")
            .bind(pid)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert!(is_terminated);
    };
    let (result, ()) = futures_util::future::join(writer.write(&records), terminate).await;
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(error.is_worth_retrying());
    holder.rollback().await.unwrap();
    assert_eq!(count(&mut owner).await, 0);
    assert_eq!(writer.write(&records).await.unwrap().created, 5_000);
}

#[tokio::test]
async fn dropped_write_commits_entirely_or_not_at_all() {
    let db = TestDb::migrated().await;
    let (mut owner, mut admin) = (db.connect(db.owner()).await, db.connect(db.admin()).await);
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let mut holder = owner.begin().await.unwrap();
    sql(&mut holder, TAKE_AN_ID).await;
    let records = chunk();
    let is_dropped = {
        let write = Box::pin(writer.write(&records));
        let blocked = Box::pin(blocked_session(&mut admin));
        // The write cannot end before the holder does, so this drops it in flight.
        matches!(
            futures_util::future::select(write, blocked).await,
            futures_util::future::Either::Right(_)
        )
    };
    assert!(is_dropped);
    holder.rollback().await.unwrap();
    let result = writer.write(&records).await.unwrap();
    assert_eq!(result.created + result.duplicates, 5_000);
    assert!(result.created == 0 || result.duplicates == 0, "{result:?}");
    assert_eq!(count(&mut owner).await, 5_000);
}

#[tokio::test]
async fn chunk_waits_for_a_concurrent_writer_of_the_same_id() {
    let db = TestDb::migrated().await;
    let (mut owner, mut admin) = (db.connect(db.owner()).await, db.connect(db.admin()).await);
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let mut holder = owner.begin().await.unwrap();
    sql(&mut holder, TAKE_AN_ID).await;
    let records = chunk();
    let release = async {
        blocked_session(&mut admin).await;
        holder.commit().await.unwrap();
    };
    let (result, ()) = futures_util::future::join(writer.write(&records), release).await;
    let result = result.unwrap();
    assert_eq!((result.created, result.duplicates), (4_999, 0));
    assert_eq!(result.conflicts, [records[2_499].id]);
}
