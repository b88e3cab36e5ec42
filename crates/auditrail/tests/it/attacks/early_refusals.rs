//! Clients that do not read while they write, and clients that close their sending side.

use auditrail_testkit::TestDb;
use tokio::io::AsyncWriteExt;

use super::wire::{connect, head, read_to_end, record, statuses};
use crate::sandbox::Sandbox;
use crate::service::{Service, key};

const MIB: usize = 1_024 * 1_024;

#[tokio::test]
async fn a_client_that_only_writes_gets_an_early_refusal() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let path = "/v1/audit-logs/batch";
    for (head, bytes, expected) in [
        (head("POST", path, &key, 17 * MIB), 17 * MIB, 413),
        (head("POST", path, "unknown", 15 * MIB), 15 * MIB, 401),
        (head("POST", "/nothing", &key, 5 * MIB), 5 * MIB, 404),
        (head("POST", path, &key, 3 * MIB).replace("json", "xml"), 3 * MIB, 415),
    ] {
        let mut stream = connect(service.address, None, head.as_bytes()).await;
        stream.write_all(&vec![b' '; bytes]).await.unwrap();
        let (response, _) = read_to_end(&mut stream).await;
        assert_eq!(statuses(&response), [expected], "{response}");
    }
}

#[tokio::test]
async fn a_request_of_a_half_closed_client_is_answered() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let body = record("half", 1).to_string();
    let post = head("POST", "/v1/audit-logs", &key, body.len());
    let short = head("POST", "/v1/audit-logs", &key, body.len() + 9);
    let get = head("GET", "/v1/audit-logs?target_id=half", &key, 0);
    for (request, expected) in
        [(post + &body, 201), (short + &body, 400), (get.clone(), 200), (get, 200)]
    {
        let mut stream = connect(service.address, None, request.as_bytes()).await;
        stream.shutdown().await.unwrap();
        let (response, is_closed) = read_to_end(&mut stream).await;
        assert!(is_closed && statuses(&response) == [expected], "{response}");
    }
}
