//! Single records, batches, duplicates and conflicts.

use auditrail_core::{
    AuditLogService, BatchOutcome, CreateInput, Created, ErrorCode, OnInvalid, RequestContext,
};
use auditrail_store::StoreError;
use auditrail_testkit::TestDb;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::support::{id, input, log, time};

fn rich() -> CreateInput {
    let context = RequestContext {
        ip_address: Some("2001:db8::7".parse().unwrap()),
        user_agent: Some("curl/8".parse().unwrap()),
        request_id: Some("r-1".parse().unwrap()),
    };
    input()
        .with_id(id(1))
        .with_metadata(r#"{"b": 1.10, "a": "ü\n"}"#.parse().unwrap())
        .with_context(context)
        .with_tenant("t1".parse().unwrap())
        .with_created_at(time(0))
}

/// A time in the future of any clock.
fn too_far_ahead() -> CreateInput {
    let year = SignedDuration::from_hours(24 * 365);
    #[expect(clippy::disallowed_methods, reason = "the store reads the clock as well")]
    let ahead = Timestamp::now().checked_add(year).unwrap();
    input().with_created_at(auditrail_core::RecordTime::new(ahead).unwrap())
}

#[tokio::test]
async fn created_record_is_returned_as_stored() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let created = log.create(rich()).await.unwrap();
    let Created::New(record) = created else { panic!("{created:?} is not new") };
    assert!(rich().matches_stored(&record), "{record:?}");
    assert_eq!(log.get(id(1)).await.unwrap(), Some(record));
    assert_eq!(log.get(id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn create_in_commits_with_the_transaction() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    for (number, commits) in [(1, false), (2, true)] {
        let mut tx = log.pool().begin().await.unwrap();
        let created = log.create_in(&mut tx, input().with_id(id(number))).await.unwrap();
        assert!(matches!(created, Created::New(_)), "{created:?}");
        assert_eq!(log.get(id(number)).await.unwrap(), None, "seen before its commit");
        if commits {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(log.get(id(number)).await.unwrap().is_some(), commits);
    }
}

#[tokio::test]
async fn conflict_leaves_the_transaction_usable() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    log.create(rich()).await.unwrap();
    let mut tx = log.pool().begin().await.unwrap();
    let other = rich().with_tenant("t2".parse().unwrap());
    let error = log.create_in(&mut tx, other).await.unwrap_err();
    assert!(matches!(error, StoreError::IdConflict { .. }), "{error:?}");
    log.create_in(&mut tx, input().with_id(id(2))).await.unwrap();
    tx.commit().await.unwrap();
    assert!(log.get(id(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn missing_id_and_time_are_generated() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let first = log.create(input()).await.unwrap().into_record();
    let second = log.create(input()).await.unwrap().into_record();
    assert_ne!(first.id, second.id);
    assert!(first.created_at <= second.created_at);
    assert_eq!(first.id.as_uuid().get_version_num(), 7);
    let (seconds, nanos) = first.id.as_uuid().get_timestamp().unwrap().to_unix();
    let millis = i64::try_from(seconds).unwrap() * 1_000 + i64::from(nanos) / 1_000_000;
    assert_eq!(millis, first.created_at.timestamp().as_millisecond());
    assert_eq!(first.metadata.unwrap().as_str(), "{}");
}

#[tokio::test]
async fn repeated_record_is_a_duplicate() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let stored = log.create(rich()).await.unwrap().into_record();
    let same_meaning = rich().with_metadata(r#"{"a":"\u00fc\n","b":11e-1}"#.parse().unwrap());
    let only_the_needed = input().with_id(id(1));
    for again in [rich(), same_meaning, only_the_needed] {
        let created = log.create(again).await.unwrap();
        assert_eq!(created, Created::Duplicate(stored.clone()));
    }
}

#[tokio::test]
async fn other_content_under_the_same_id_is_a_conflict() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let stored = log.create(rich()).await.unwrap().into_record();
    let others = [
        rich().with_metadata("{}".parse().unwrap()),
        rich().with_tenant("t2".parse().unwrap()),
        rich().with_created_at(time(1)),
    ];
    for other in others {
        let error = log.create(other).await.unwrap_err();
        assert!(
            matches!(error, StoreError::IdConflict { id: other } if other == id(1)),
            "{error:?}"
        );
        assert_eq!(error.code(), "id_conflict");
    }
    assert_eq!(log.get(id(1)).await.unwrap(), Some(stored));
}

#[tokio::test]
async fn one_of_many_concurrent_repetitions_is_new() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let created = join_all((0..24).map(|_| log.create(rich()))).await;
    let created: Vec<_> = created.into_iter().map(Result::unwrap).collect();
    let new = created.iter().filter(|c| matches!(c, Created::New(_)));
    assert_eq!(new.count(), 1);
}

#[tokio::test]
async fn future_time_is_rejected_with_field_and_code() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let error = log.create(too_far_ahead()).await.unwrap_err();
    assert_eq!(error.code(), "in_future");
    assert!(error.to_string().contains("/created_at"), "{error}");
}

#[tokio::test]
async fn batch_is_atomic() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    log.create(input().with_id(id(2))).await.unwrap();
    let conflict = input().with_id(id(2)).with_tenant("t".parse().unwrap());
    for bad in [conflict, too_far_ahead()] {
        let batch = vec![input().with_id(id(1)), bad, input().with_id(id(3))];
        log.create_many(batch, OnInvalid::Refuse).await.unwrap_err();
        assert_eq!(log.get(id(1)).await.unwrap(), None);
    }
    let batch = vec![input().with_id(id(1)), input().with_id(id(3))];
    let outcome = log.create_many(batch, OnInvalid::Refuse).await.unwrap();
    assert_eq!((outcome.created, outcome.duplicates), (2, 0));
    assert_eq!(outcome.rejected, []);
    assert!(log.get(id(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn skipping_batch_reports_each_rejected_index() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    log.create(input().with_id(id(9))).await.unwrap();
    let tenant = || "t".parse().unwrap();
    let batch = vec![
        input().with_id(id(1)),
        input().with_id(id(9)).with_tenant(tenant()),
        too_far_ahead(),
        input().with_id(id(9)),
        input().with_id(id(1)),
        input().with_id(id(1)).with_tenant(tenant()),
        input(),
    ];
    let outcome = log.create_many(batch, OnInvalid::Skip).await.unwrap();
    assert_eq!((outcome.created, outcome.duplicates), (2, 2));
    let rejected: Vec<_> = outcome.rejected.iter().map(|r| (r.index, r.code)).collect();
    let expected =
        [(1, ErrorCode::IdConflict), (2, ErrorCode::InFuture), (5, ErrorCode::IdConflict)];
    assert_eq!(rejected, expected);
    assert_eq!(log.get(id(1)).await.unwrap().unwrap().tenant_id, None);
}

#[tokio::test]
async fn empty_batch_has_an_empty_outcome() {
    let db = TestDb::migrated().await;
    let outcome = log(&db).await.create_many(vec![], OnInvalid::Refuse).await;
    assert_eq!(outcome.unwrap(), BatchOutcome::default());
}
