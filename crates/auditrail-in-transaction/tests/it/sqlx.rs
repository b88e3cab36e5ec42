use ::sqlx::{Connection, Executor, PgConnection};
use auditrail_in_transaction::sqlx_0_9::record_in;

use crate::support::{
    BUSINESS, bare, check, check_generated_fields, counts, input, is_conflict, is_database_error,
    is_rejected, late, other, shop,
};

#[tokio::test]
async fn sqlx_record_follows_the_transaction() {
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
    is_conflict(&record_in(&mut app, &other()).await.unwrap_err());
    is_rejected(&record_in(&mut app, &late()).await.unwrap_err());
    check_generated_fields(&db, &bare(), &record_in(&mut app, &bare()).await.unwrap()).await;
    assert_eq!(counts(&db).await, (1, 2));
    db.as_owner("drop function control_plane.record_audit_log").await;
    is_database_error(&record_in(&mut app, &input()).await.unwrap_err());
}
