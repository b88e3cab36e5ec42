use ::tokio_postgres::{Client, NoTls};
use auditrail_in_transaction::RecordInError;
use auditrail_in_transaction::tokio_postgres_0_7::record_in;

use crate::support::{BUSINESS, check, counts, input, other, shop};

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
    let conflict = record_in(&app, &other()).await.unwrap_err();
    assert!(matches!(conflict, RecordInError::IdConflict(_)), "{conflict:?}");
    let late = input().with_created_at("2999-01-01T00:00:00Z".parse().unwrap());
    let refused = record_in(&app, &late).await.unwrap_err();
    assert!(matches!(refused, RecordInError::Refused(_)), "{refused:?}");
    assert_eq!(counts(&db).await, (1, 1));
}
