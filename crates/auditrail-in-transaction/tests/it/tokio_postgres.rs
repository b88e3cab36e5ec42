use ::tokio_postgres::{Client, NoTls};
use auditrail_in_transaction::tokio_postgres_0_7::record_in;

use crate::support::{
    BUSINESS, bare, check, check_made_up, counts, input, is_conflict, is_of_the_database,
    is_refused, late, other, shop,
};

async fn connect(url: &str) -> Client {
    let (client, connection) = ::tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn with_tokio_postgres_the_record_is_there_exactly_when_the_transaction_commits() {
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
    is_refused(&record_in(&app, &late()).await.unwrap_err());
    check_made_up(&db, &bare(), &record_in(&app, &bare()).await.unwrap()).await;
    assert_eq!(counts(&db).await, (1, 2));
    db.as_owner("drop function control_plane.record_audit_log").await;
    is_of_the_database(&record_in(&app, &input()).await.unwrap_err());
}
