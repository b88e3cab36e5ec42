//! `POST /v1/audit-logs/batch`.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::service::{Service, record};

const PATH: &str = "/v1/audit-logs/batch";
const SKIP: &str = "/v1/audit-logs/batch?on_invalid=skip";

fn numbers(answer: &Answer) -> [u64; 3] {
    let outcome = answer.json();
    ["created", "duplicates", "rejected"]
        .map(|name| outcome[name].as_u64().unwrap_or_else(|| panic!("{answer:?}")))
}

async fn total(service: &Service) -> u64 {
    let stats = service.get("/v1/audit-logs/stats").key("read").send().await;
    stats.json()["total"].as_u64().unwrap()
}

fn ndjson(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\r\n\n")).collect()
}

#[tokio::test]
async fn json_and_ndjson_batches_are_equivalent() {
    let service = Service::start().await;
    let records: Vec<_> = (0..5).map(|number| record(number, None)).collect();
    let array = service.post(PATH).key("write").json(&json!(records)).send().await;
    assert_eq!((array.status.as_u16(), numbers(&array)), (200, [5, 0, 0]));
    let lines = service.post(PATH).key("write").body("application/x-ndjson", ndjson(&records));
    assert_eq!(numbers(&lines.send().await), [0, 5, 0]);
    assert_eq!(total(&service).await, 5);
    for (form, nothing) in [
        ("application/json", "[]"),
        ("application/x-ndjson", "\n"),
        ("application/ndjson", "\n"),
        ("application/jsonl", "\n"),
        ("application/x-jsonlines", "\n"),
        ("Application/JSONLines; charset=utf-8", "\n"),
        ("text/x-ndjson", "\n"),
    ] {
        let empty = service.post(PATH).key("write").body(form, nothing).send().await;
        assert_eq!(numbers(&empty), [0, 0, 0]);
    }
}

#[tokio::test]
async fn an_invalid_record_rejects_the_batch_with_all_errors() {
    let service = Service::start().await;
    let mut records = vec![record(1, None), record(2, None), record(3, None)];
    records[1]["actor_id"] = "".into();
    records[2]["metadata"] = json!([]);
    let answer = service.post(PATH).key("write").json(&json!(records)).send().await;
    assert_eq!(answer.problem(), (422, "invalid_record".to_owned()));
    let expected = [("/1/actor_id", "empty"), ("/2/metadata", "wrong_type")];
    assert_eq!(answer.errors(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(total(&service).await, 0);
}

#[tokio::test]
async fn a_conflict_rejects_the_batch() {
    let service = Service::start().await;
    service.write(vec![record(1, None)]).await;
    let mut taken = record(1, None);
    taken["target_id"] = "other".into();
    let records = json!([record(2, None), taken]);
    let answer = service.post(PATH).key("write").json(&records).send().await;
    assert_eq!(answer.problem(), (409, "id_conflict".to_owned()));
    assert_eq!(total(&service).await, 1);
    let skipped = service.post(SKIP).key("write").json(&records).send().await;
    assert_eq!(numbers(&skipped), [1, 0, 1]);
    assert_eq!(skipped.json()["errors"][0]["index"], 1);
    assert_eq!(skipped.json()["errors"][0]["code"], "id_conflict");
}

#[tokio::test]
async fn skip_writes_the_valid_records() {
    let service = Service::start().await;
    service.write(vec![record(3, None)]).await;
    let mut bad = record(2, None);
    bad["actor_id"] = "".into();
    bad["action"] = Value::Null;
    let mut taken = record(3, None);
    taken["target_id"] = "other".into();
    let good = [record(1, None), record(4, None)];
    let lines = format!("{}\n{bad}\nno json\n{taken}\n{}\n", good[0], good[1]);
    let path = format!("{SKIP}&return=full");
    let answer = service.post(&path).key("write").body("application/x-ndjson", lines).send().await;
    assert_eq!(numbers(&answer), [2, 0, 3]);
    let answer = answer.json();
    let errors = answer["errors"].as_array().unwrap();
    let errors: Vec<_> = errors.iter().map(|e| (e["index"].as_u64(), e["code"].as_str())).collect();
    let expected = [(1, "empty"), (2, "not_json"), (3, "id_conflict")];
    assert_eq!(errors, expected.map(|(index, code)| (Some(index), Some(code))));
    assert!(answer["errors"][0]["detail"].as_str().unwrap().ends_with("(and 1 more)"));
    let records = answer["records"].as_array().unwrap();
    let targets: Vec<_> = records.iter().map(|record| record["target_id"].as_str()).collect();
    assert_eq!(targets, [Some("p1"), None, None, None, Some("p4")]);
}

#[tokio::test]
async fn full_response_has_ids_and_times_but_no_stored_fields() {
    let service = Service::start().await;
    let mut stored = record(1, None);
    stored["metadata"] = json!({"secret": "x"});
    service.write(vec![stored]).await;
    let mut again = record(1, None);
    let mut new = record(2, None);
    for name in ["metadata", "created_at"] {
        again.as_object_mut().unwrap().remove(name);
        new.as_object_mut().unwrap().remove(name);
    }
    new.as_object_mut().unwrap().remove("id");
    let path = "/v1/audit-logs/batch?return=full";
    let answer = service.post(path).key("write").json(&json!([again, new])).send().await;
    assert_eq!(numbers(&answer), [1, 1, 0]);
    let [first, second] = [0, 1].map(|place| answer.json()["records"][place].clone());
    assert_eq!(first["metadata"], json!({}));
    assert_eq!(first["created_at"], "2026-01-02T03:00:01.000000Z");
    let path = format!("/v1/audit-logs/{}", second["id"].as_str().unwrap());
    assert_eq!(service.get(&path).key("read").send().await.json(), second);
}

#[tokio::test]
async fn an_idempotency_key_applies_per_batch_index() {
    let service = Service::start().await;
    let mut plain = record(1, None);
    plain.as_object_mut().unwrap().remove("id");
    let records = json!([plain, plain]);
    let post = || service.post(PATH).key("write").header("idempotency-key", "k").json(&records);
    assert_eq!(numbers(&post().send().await), [2, 0, 0]);
    assert_eq!(numbers(&post().send().await), [0, 2, 0]);
}

#[tokio::test]
async fn a_restricted_key_writes_batches_for_its_tenant_only() {
    let service = Service::start().await;
    let mut own = record(1, None);
    own.as_object_mut().unwrap().remove("tenant_id");
    let post = |path: &str, body: Value| service.post(path).key("all-t1").json(&body).send();
    for path in [PATH, SKIP] {
        let answer = post(path, json!([own, record(2, Some("t2"))])).await;
        assert_eq!(answer.problem(), (403, "other_tenant".to_owned()));
    }
    assert_eq!(total(&service).await, 0);
    assert_eq!(numbers(&post(PATH, json!([own])).await), [1, 0, 0]);
    let page = service.get("/v1/audit-logs?tenant_id=t1").key("read").send().await.json();
    assert_eq!(page["data"][0]["target_id"], "p1");
}

#[tokio::test]
async fn malformed_batches_are_rejected() {
    let service = Service::start().await;
    let post = |form: &str, body: String| service.post(PATH).key("write").body(form, body).send();
    let object = post("application/json", record(1, None).to_string()).await;
    assert_eq!(object.problem(), (422, "invalid_record".to_owned()));
    assert_eq!(object.errors(), [(String::new(), "wrong_type".to_owned())]);
    for text in ["", "[", "[{}", "[{}] x", "[}"] {
        let answer = post("application/json", text.to_owned()).await;
        assert_eq!(answer.problem(), (400, "not_json".to_owned()), "{text}");
    }
    let line = post("application/x-ndjson", format!("{}\n{{", record(1, None))).await;
    assert_eq!(line.problem(), (400, "not_json".to_owned()));
    let path = "/v1/audit-logs/batch?on_invalid=ignore";
    let response = service.post(path).key("write").json(&json!([])).send().await;
    assert_eq!(response.errors(), [("on_invalid".to_owned(), "unknown_value".to_owned())]);
    assert_eq!(total(&service).await, 0);
}

#[tokio::test]
async fn a_batch_has_at_most_ten_thousand_records() {
    let service = Service::start().await;
    let mut plain = record(1, None);
    plain.as_object_mut().unwrap().remove("id");
    let mut records = vec![plain; 10_000];
    let post = |body: Value| service.post(PATH).key("write").json(&body).send();
    assert_eq!(numbers(&post(json!(records)).await), [10_000, 0, 0]);
    records.push(record(1, None));
    assert_eq!(post(json!(records)).await.problem(), (413, "batch_too_large".to_owned()));
    let lines = service.post(PATH).key("write").body("application/x-ndjson", ndjson(&records));
    assert_eq!(lines.send().await.problem(), (413, "batch_too_large".to_owned()));
    assert_eq!(total(&service).await, 10_000);
}
