//! Batches that take much more memory than their text (`t_mem3.py`).

use auditrail_testkit::TestDb;
use auditrail_testkit::http::Answer;
use futures_util::future::join_all;
use serde_json::Value;

use super::wire::{record, tenant_key};
use crate::sandbox::Sandbox;
use crate::service::Service;

const MIB: usize = 1_024 * 1_024;
const BATCH: &str = "/v1/audit-logs/batch";

/// Ten thousand records, each with hundreds of unknown fields.
fn invalid_batch() -> String {
    let fields: Vec<String> = (0..200).map(|number| format!("\"{number:x}\":0")).collect();
    let record = format!("{{{}}}", fields.join(","));
    format!("[{}]", vec![record; 10_000].join(","))
}

/// As many of the smallest records as a batch may have.
fn small_records() -> String {
    let record =
        r#"{"actor_type":"user","actor_id":"a","action":"a.b","target_type":"t","target_id":"t"}"#;
    format!("[{}]", vec![record; 10_000].join(","))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parsed_batches_take_bounded_memory() {
    let db = TestDb::migrated().await;
    let (a, b) = (tenant_key(&db, "a").await, tenant_key(&db, "b").await);
    // Timeouts are for faster machines than some that run tests.
    let sandbox = Sandbox::with(&db.url(&db.service()))
        .set("AUDITRAIL_WRITE_TIMEOUT", "60s")
        .set("AUDITRAIL_REQUEST_TIMEOUT", "120s");
    let service = Service::start(&sandbox, &[]);
    let before = service.resident_bytes();
    let (invalid, small) = (invalid_batch(), small_records());
    let full = Value::from(vec![record("full", 60_000); 270]).to_string();
    assert!(invalid.len() < 16 * MIB && full.len() < 16 * MIB);
    let mut calls = Vec::new();
    for key in [&a, &b] {
        for (options, body) in [
            ("?on_invalid=skip", &invalid),
            ("?on_invalid=refuse", &invalid),
            ("?return=full", &full),
            ("?on_invalid=skip&return=full", &small),
        ] {
            let call = service.post(&format!("{BATCH}{options}")).key(key);
            calls.push(call.body("application/json", body.clone()).send());
        }
    }
    let many_fields = format!("{{{}\"z\":0}}", "\"a\":0,".repeat(2_500_000));
    for key in [&a, &b] {
        for (path, body) in
            [("/v1/audit-logs", many_fields.clone()), (BATCH, format!("[{many_fields}]"))]
        {
            calls.push(service.post(path).key(key).body("application/json", body).send());
        }
    }
    let (answers, peak) = service.peak_bytes_during(join_all(calls)).await;
    let grown = peak.saturating_sub(before) / MIB;
    for answer in &answers {
        assert!([200, 422, 503].contains(&answer.status.as_u16()), "{:?}", answer.status);
    }
    let is_full = |answer: &Answer| answer.status == 200 && answer.body.len() > 15 * MIB;
    assert!(answers.iter().any(is_full));
    // Bodies and what is parsed from them, and the responses.
    assert!(grown <= 128 + 48, "{grown} MiB");
}

#[tokio::test]
async fn a_batch_is_returned_in_full_with_stored_times() {
    let db = TestDb::migrated().await;
    let a = tenant_key(&db, "a").await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let mut records: Vec<Value> = (0..3_000).map(|n| record(&format!("p{n}"), 100)).collect();
    records[7]["target_id"] = Value::Null;
    let call = service.post(&format!("{BATCH}?on_invalid=skip&return=full")).key(&a);
    let answer = call.json(&Value::from(records)).send().await.json();
    assert_eq!((answer["created"].as_u64(), answer["rejected"].as_u64()), (Some(2_999), Some(1)));
    assert_eq!(answer["records"][7], Value::Null);
    assert_eq!(answer["records"][2_999]["target_id"], "p2999");
    let id = answer["records"][2_999]["id"].as_str().unwrap();
    let stored = service.get(&format!("/v1/audit-logs/{id}")).key(&a).send().await.json();
    assert_eq!(stored, answer["records"][2_999]);
}
