use ::tokio_postgres::{Client, NoTls};
use auditrail_in_transaction::tokio_postgres_0_7::record_in;

use crate::support::{
    BUSINESS, bare, check, check_generated_fields, counts, input, is_conflict, is_database_error,
    is_rejected, late, other, shop,
};

async fn connect(url: &str) -> Client {
    let (client, connection) = ::tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn tokio_postgres_record_follows_the_transaction() {
    let (db, url) = shop().await;
    let mut app = connect(&url).await;
    for (commits, expected) in [(false, (0, 0)), (true, (1, 1))] {
        let tx = app.transaction().await.unwrap();
        tx.batch_execute(BUSINESS).await.unwrap();
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
