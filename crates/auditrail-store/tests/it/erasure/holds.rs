//! Holds.

use auditrail_core::{Filters, RequestContext};
use auditrail_store::erasure::{ErasedFields, Eraser, ErasureError};
use auditrail_store::holds::{HoldError, NewHold, PgHolds};
use auditrail_testkit::TestDb;

use super::support::{erase_all_of, subject, write};
use crate::support::number;

fn new(name: &str, filters: &[(&str, &str)]) -> NewHold {
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let filters = Filters::from_pairs(filters.iter().copied(), now).unwrap();
    NewHold { name: name.to_owned(), reason: "case 4".to_owned(), filters }
}

#[tokio::test]
async fn held_records_stop_an_erasure_until_the_hold_is_released() {
    let db = TestDb::migrated().await;
    write(&db, 100).await;
    db.sequence().await;
    let holds = PgHolds::new(db.pool(db.service()).await);
    let (by, context) = ("user:legal".parse().unwrap(), RequestContext::default());
    let hold = holds.create(&new("case-4", &[("target_id", "ana4")]), &by, &context).await.unwrap();
    assert_eq!(hold.filters["target_id"], "ana4");
    let planned = Eraser::new(db.owner()).plan(&subject("user:ana5")).await.unwrap();
    // Those of which ana5 is the actor and ana4 the target.
    assert_eq!((planned.held, planned.holds.as_slice()), (1, &["case-4".to_owned()][..]));
    let refused = erase_all_of(&db, subject("user:ana5"), ErasedFields::usual()).await.unwrap_err();
    assert!(matches!(&refused, ErasureError::Held { held: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("case-4"), "{refused}");
    let mut owner = db.connect(db.owner()).await;
    let erased = "select count(*) from control_plane.audit_logs where actor_id like 'erased-%'";
    assert_eq!(number(&mut owner, erased).await, 0);
    holds.release("case-4", &by, &context).await.unwrap().unwrap();
    assert!(holds.release("case-4", &by, &context).await.unwrap().is_none());
    erase_all_of(&db, subject("user:ana5"), ErasedFields::usual()).await.unwrap();
    assert_eq!(number(&mut owner, erased).await, 5);
    let recorded = "select count(*) from control_plane.audit_logs
                     where action in ('audit_log.hold_created', 'audit_log.hold_released') and actor_id = 'legal'";
    assert_eq!(number(&mut owner, recorded).await, 2);
    assert_eq!(
        (holds.list(false).await.unwrap().len(), holds.list(true).await.unwrap().len()),
        (0, 1)
    );
}

#[tokio::test]
async fn hold_covers_the_records_that_match_all_of_its_filters() {
    let db = TestDb::migrated().await;
    write(&db, 100).await;
    let holds = PgHolds::new(db.pool(db.service()).await);
    let (by, context) = ("user:legal".parse().unwrap(), RequestContext::default());
    let mut owner = db.connect(db.owner()).await;
    let held = "select count(*) from control_plane.audit_logs where control_plane.audit_log_is_held(
                    id, actor_type, actor_id, action, target_type, target_id, tenant_id, request_id, ip_address,
                    created_at)";
    for (filters, expected) in [
        (&[("actor", "user:ana5")][..], 5),
        (&[("actor_id", "ana5"), ("tenant_id", "t2")], 0),
        (&[("action", "project.*")], 100),
        (&[("action", "projec.*")], 0),
        (&[("action", "project.created"), ("ip", "10.0.0.0/30")], 20),
        (&[("since", "2024-01-01T00:00:10Z"), ("until", "2024-01-01T00:00:20Z")], 10),
        (&[], 100),
    ] {
        holds.create(&new("h", filters), &by, &context).await.unwrap();
        let expected = expected
            + number(
                &mut owner,
                "select count(*) from control_plane.audit_logs where action like 'audit_log%'",
            )
            .await
                * i64::from(filters.is_empty());
        assert_eq!(number(&mut owner, held).await, expected, "{filters:?}");
        holds.release("h", &by, &context).await.unwrap();
    }
    assert_eq!(number(&mut owner, held).await, 0);
}

#[tokio::test]
async fn name_of_a_hold_is_taken_while_it_holds() {
    let db = TestDb::migrated().await;
    let holds = PgHolds::new(db.pool(db.service()).await);
    let (by, context) = ("user:legal".parse().unwrap(), RequestContext::default());
    holds.create(&new("a", &[]), &by, &context).await.unwrap();
    let again = holds.create(&new("a", &[]), &by, &context).await.unwrap_err();
    assert!(matches!(again, HoldError::Exists { .. }), "{again}");
    let unsupported = new("b", &[("q", "word"), ("outcome", "failure")]);
    assert_eq!(unsupported.unsupported(), Some("outcome"));
}
