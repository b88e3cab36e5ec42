//! Bodies that are announced and not sent (`t_body.py`).

use std::time::Duration;

use auditrail_testkit::TestDb;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::wire::{PATIENCE, connect, head, read_to_end, record, statuses, tenant_key};
use crate::sandbox::Sandbox;
use crate::service::{Service, key};

const BATCH: &str = "/v1/audit-logs/batch";
const MIB: usize = 1_024 * 1_024;

/// Sends a byte at a time until the connection is closed, and returns the response.
async fn drip(mut stream: TcpStream) -> String {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let mut text = String::new();
    loop {
        let mut bytes = vec![0; 4_096];
        tokio::select! {
            read = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes) => match read {
                Ok(0) | Err(_) => return text,
                Ok(read) => text.push_str(&String::from_utf8_lossy(&bytes[..read])),
            },
            _ = ticks.tick() => drop(stream.write_all(b" ").await),
        }
    }
}

/// A batch of about 15 MiB.
fn large_batch() -> String {
    Value::from((0..250).map(|_| record("large", 60_000)).collect::<Vec<_>>()).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_bodies_do_not_stop_other_writes() {
    let db = TestDb::migrated().await;
    let root = key(&db).await;
    let (a, b) = (tenant_key(&db, "a").await, tenant_key(&db, "b").await);
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let mut slow = Vec::new();
    for announced in [16 * MIB, 4 * MIB, 16 * MIB, 16 * MIB] {
        let start = head("POST", BATCH, &a, announced) + "[";
        slow.push(tokio::spawn(drip(connect(service.address, None, start.as_bytes()).await)));
    }
    let honest = async {
        for key in [&a, &b] {
            let written =
                service.post("/v1/audit-logs").key(key).json(&record("p", 1)).send().await;
            assert_eq!(written.status.as_u16(), 201);
            let written =
                service.post(BATCH).key(key).body("application/json", large_batch()).send().await;
            assert_eq!(written.status.as_u16(), 200, "{written:?}");
        }
        let made = service.post("/v1/keys").key(&root).json(&json!({"scopes": ["read"]}));
        assert_eq!(made.send().await.status.as_u16(), 201);
    };
    tokio::time::timeout(PATIENCE, honest).await.unwrap();
    for response in join_all(slow).await {
        let response = response.unwrap();
        assert_eq!(statuses(&response), [408], "{response}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_large_batches_end_in_bounded_memory() {
    let db = TestDb::migrated().await;
    let (a, b, c) =
        (tenant_key(&db, "a").await, tenant_key(&db, "b").await, tenant_key(&db, "c").await);
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let body = large_batch();
    let before = service.resident_bytes();
    let calls = [&a, &a, &a, &b, &c]
        .map(|key| service.post(BATCH).key(key).body("application/json", body.clone()).send());
    let (answers, peak) = service.peak_bytes_during(join_all(calls)).await;
    for answer in &answers {
        if answer.status.as_u16() != 200 {
            assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
            assert!(!answer.header("retry-after").is_empty());
        }
    }
    assert!(answers.iter().filter(|answer| answer.status.as_u16() == 200).count() >= 3);
    let grown = (peak - before) / MIB;
    assert!(grown <= 128, "{grown} MiB");
}

#[tokio::test]
async fn bodies_in_small_chunks_and_with_expect_are_read() {
    let db = TestDb::migrated().await;
    let a = tenant_key(&db, "a").await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let body = record("p", 2_000).to_string();
    let chunks: String =
        body.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect::<String>() + "0\r\n\r\n";
    let post =
        head("POST", "/v1/audit-logs", &a, 0).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let chunked = post.replace("content-length: 0", "transfer-encoding: chunked") + &chunks;
    let length = format!("content-length: {}", body.len());
    let expecting = post.replace("content-length: 0", &format!("{length}\r\nexpect: 100-continue"));
    let old = post.replace("content-length: 0", &length).replace("HTTP/1.1", "HTTP/1.0") + &body;
    for (request, expected) in
        [(chunked, vec![201]), (expecting + &body, vec![100, 201]), (old, vec![201])]
    {
        let mut stream = connect(service.address, None, request.as_bytes()).await;
        let (response, is_closed) = read_to_end(&mut stream).await;
        assert!(is_closed && statuses(&response) == expected, "{response}");
    }
}
