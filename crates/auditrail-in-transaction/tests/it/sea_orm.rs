use ::sea_orm::{ConnectionTrait, Database, TransactionTrait};
use auditrail_in_transaction::sea_orm_2::record_in;

use crate::support::{
    BUSINESS, bare, check, check_generated_fields, counts, input, is_conflict, is_database_error,
    is_rejected, late, other, shop,
};

#[tokio::test]
async fn sea_orm_record_follows_the_transaction() {
    let (db, url) = shop().await;
    let app = Database::connect(&url).await.unwrap();
    for (commits, expected) in [(false, (0, 0)), (true, (1, 1))] {
        let tx = app.begin().await.unwrap();
        tx.execute_unprepared(BUSINESS).await.unwrap();
        check(&record_in(&tx, &input()).await.unwrap());
        if commits {
            tx.commit().await.unwrap()
        } else {
            tx.rollback().await.unwrap()
        }
        assert_eq!(counts(&db).await, expected);
    }
    check(&record_in(&app, &input()).await.unwrap());
    is_conflict(&record_in(&app, &other()).await.unwrap_err());
    is_rejected(&record_in(&app, &late()).await.unwrap_err());
    check_generated_fields(&db, &bare(), &record_in(&app, &bare()).await.unwrap()).await;
    assert_eq!(counts(&db).await, (1, 2));
    db.as_owner("drop function control_plane.record_audit_log").await;
    is_database_error(&record_in(&app, &input()).await.unwrap_err());
}
