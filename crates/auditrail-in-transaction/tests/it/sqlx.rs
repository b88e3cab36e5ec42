use ::sqlx::{Connection, Executor, PgConnection};
use auditrail_in_transaction::RecordInError;
use auditrail_in_transaction::sqlx_0_9::record_in;

use crate::support::{BUSINESS, check, counts, input, other, shop};

#[tokio::test]
async fn with_sqlx_the_record_is_there_exactly_when_the_transaction_commits() {
    let (db, url) = shop().await;
    let mut app = PgConnection::connect(&url).await.unwrap();
    for (commits, expected) in [(false, (0, 0)), (true, (1, 1))] {
        let mut tx = app.begin().await.unwrap();
        tx.execute(BUSINESS).await.unwrap();
        check(&record_in(&mut tx, &input()).await.unwrap());
        if commits {
            tx.commit().await.unwrap()
        } else {
            tx.rollback().await.unwrap()
        }
        assert_eq!(counts(&db).await, expected);
    }
    check(&record_in(&mut app, &input()).await.unwrap());
    let conflict = record_in(&mut app, &other()).await.unwrap_err();
    assert!(matches!(conflict, RecordInError::IdConflict(_)), "{conflict:?}");
    let late = input().with_created_at("2999-01-01T00:00:00Z".parse().unwrap());
    let refused = record_in(&mut app, &late).await.unwrap_err();
    assert!(matches!(refused, RecordInError::Refused(_)), "{refused:?}");
    db.as_owner("drop function control_plane.record_audit_log").await;
    let failed = record_in(&mut app, &input()).await.unwrap_err();
    assert!(matches!(failed, RecordInError::Database(_)), "{failed:?}");
    assert_eq!(counts(&db).await, (1, 1));
}
