use ::diesel_async::{
    AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};
use auditrail_in_transaction::diesel_async_0_9::record_in;

use crate::support::{
    BUSINESS, bare, check, check_generated_fields, counts, input, is_conflict, is_database_error,
    is_rejected, late, other, shop,
};

type Transactions = <AsyncPgConnection as AsyncConnection>::TransactionManager;

#[tokio::test]
async fn diesel_record_follows_the_transaction() {
    let (db, url) = shop().await;
    let mut app = AsyncPgConnection::establish(&url).await.unwrap();
    for (commits, expected) in [(false, (0, 0)), (true, (1, 1))] {
        Transactions::begin_transaction(&mut app).await.unwrap();
        app.batch_execute(BUSINESS).await.unwrap();
        check(&record_in(&mut app, &input()).await.unwrap());
        if commits {
            Transactions::commit_transaction(&mut app).await.unwrap()
        } else {
            Transactions::rollback_transaction(&mut app).await.unwrap()
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
