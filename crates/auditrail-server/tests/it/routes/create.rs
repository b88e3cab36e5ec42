//! `POST /v1/audit-logs`.

use std::time::Duration;

use auditrail_server::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Answer;
use crate::support::service::{Service, record};

const PATH: &str = "/v1/audit-logs";

/// A record without an id and a time.
fn plain() -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.deleted",
        "target_type": "project", "target_id": "p1",
    })
}

fn with(mut value: Value, name: &str, field: Value) -> Value {
    value[name] = field;
    value
}

/// Number of records in the log.
async fn total(service: &Service) -> u64 {
    let stats = service.get("/v1/audit-logs/stats").key("read").send().await;
    stats.json()["total"].as_u64().unwrap()
}

#[tokio::test]
async fn create_returns_the_location_of_the_record() {
    let service = Service::start().await;
    let written = service.post(PATH).key("write").json(&plain()).send().await;
    assert_eq!(written.status.as_u16(), 201);
    let place = written.header("location").to_owned();
    assert_eq!(place, format!("{PATH}/{}", written.json()["id"].as_str().unwrap()));
    let fetched = service.get(&place).key("read").send().await;
    assert_eq!(fetched.json(), written.json());
    assert_eq!(fetched.json()["tenant_id"], Value::Null);
}

#[tokio::test]
async fn a_record_names_the_key_that_wrote_it() {
    let service = Service::start().await;
    let input = with(with(plain(), "outcome", "denied".into()), "actor_name", "Ada".into());
    let written = service.post(PATH).key("write").json(&input).send().await.json();
    assert_eq!((&written["outcome"], &written["actor_name"]), (&"denied".into(), &"Ada".into()));
    let writer = written["recorded_by"].as_str().unwrap();
    assert!(writer.starts_with("key:"), "{writer}");
    let forged = with(plain(), "recorded_by", "key:1".into());
    let answer = service.post(PATH).key("write").json(&forged).send().await;
    assert_eq!(answer.errors(), [("/recorded_by".to_owned(), "unknown_field".to_owned())]);
}

#[tokio::test]
async fn a_byte_order_mark_is_ignored_in_every_body() {
    let service = Service::start().await;
    let marked = |text: String| format!("\u{feff}{text}");
    let post = |path: &'static str, content_type: &'static str, body: String| {
        service.post(path).key("write").body(content_type, body).send()
    };
    let one = post(PATH, "application/json", marked(plain().to_string())).await;
    assert_eq!(one.status.as_u16(), 201);
    let batch = "/v1/audit-logs/batch";
    let array = post(batch, "application/json", marked(json!([plain()]).to_string())).await;
    assert_eq!(array.json()["created"], 1);
    let lines = marked(format!("{}\n{}\n", plain(), plain()));
    let lines = post(batch, "application/x-ndjson", lines).await;
    assert_eq!(lines.json()["created"], 2);
}

#[tokio::test]
async fn actions_of_the_service_are_reserved() {
    let service = Service::start().await;
    let reserved = |action: &str| with(plain(), "action", action.into());
    for action in ["audit_log.read", "audit_log.exported", "audit_log.anything"] {
        let answer = service.post(PATH).key("write").json(&reserved(action)).send().await;
        assert_eq!(answer.errors(), [("/action".to_owned(), "reserved_action".to_owned())]);
    }
    let batch = json!([plain(), reserved("audit_log.read"), plain()]);
    let path = "/v1/audit-logs/batch";
    let refused = service.post(path).key("write").json(&batch).send().await;
    assert_eq!(refused.errors(), [("/1/action".to_owned(), "reserved_action".to_owned())]);
    let path = "/v1/audit-logs/batch?on_invalid=skip";
    let skipped = service.post(path).key("write").json(&batch).send().await.json();
    assert_eq!((&skipped["created"], &skipped["errors"][0]["index"]), (&2.into(), &1.into()));
    assert_eq!(skipped["errors"][0]["code"], "reserved_action");
    // A control plane records changes of its own keys.
    let own = with(reserved("key.created"), "target_type", "api_key".into());
    assert_eq!(service.post(PATH).key("write").json(&own).send().await.status.as_u16(), 201);
    assert_eq!(total(&service).await, 3);
}

#[tokio::test]
async fn the_same_id_is_a_duplicate_or_a_conflict() {
    let service = Service::start().await;
    let first = record(1, None);
    let post = |body: Value| service.post(PATH).key("all").json(&body).send();
    assert_eq!(post(first.clone()).await.status.as_u16(), 201);
    let again = post(first.clone()).await;
    assert_eq!((again.status.as_u16(), &again.json()["target_id"]), (200, &"p1".into()));
    let untimed = with(plain(), "id", first["id"].clone());
    assert_eq!(post(untimed).await.status.as_u16(), 200);
    let other = post(with(first, "target_id", "p2".into())).await;
    assert_eq!(other.problem(), (409, "id_conflict".to_owned()));
    assert_eq!(total(&service).await, 1);
}

#[tokio::test]
async fn a_write_only_key_learns_nothing_from_a_duplicate() {
    let service = Service::start().await;
    let secret = with(record(1, None), "metadata", json!({"secret": "x"}));
    service.write(vec![with(secret, "user_agent", "agent".into())]).await;
    let input = with(plain(), "id", record(1, None)["id"].clone());
    let post = |key: &'static str| service.post(PATH).key(key).json(&input).send();
    let blind = post("write").await;
    assert_eq!(blind.status.as_u16(), 200);
    assert_eq!(
        (&blind.json()["metadata"], &blind.json()["user_agent"]),
        (&json!({}), &Value::Null)
    );
    assert_eq!(blind.json()["created_at"], "2026-01-02T03:00:01.000000Z");
    assert_eq!(post("all").await.json()["metadata"]["secret"], "x");
}

#[tokio::test]
async fn an_idempotency_key_finds_the_first_record() {
    let service = Service::start().await;
    let post = |key: &'static str, idempotency: &'static str, body: Value| {
        service.post(PATH).key(key).header("idempotency-key", idempotency).json(&body).send()
    };
    let first = post("all", "k1", plain()).await;
    assert_eq!(first.status.as_u16(), 201);
    let again = post("all", "\"k1\"", plain()).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, first.json()));
    let other = post("all", "k1", with(plain(), "target_id", "p2".into())).await;
    assert_eq!(other.problem(), (409, "id_conflict".to_owned()));
    // A different API key, and a different Idempotency-Key.
    assert_eq!(post("write", "k1", plain()).await.status.as_u16(), 201);
    assert_eq!(post("all", "k2", plain()).await.status.as_u16(), 201);
    // An explicit id takes precedence.
    let own = post("all", "k1", record(9, None)).await;
    assert_eq!(own.json()["id"], record(9, None)["id"]);
    assert_eq!(post("all", "\"k1", plain()).await.problem(), (400, "bad_header".to_owned()));
}

#[tokio::test]
async fn a_restricted_key_writes_for_its_tenant_only() {
    let service = Service::start().await;
    let post = |body: Value| service.post(PATH).key("write-t1").json(&body).send();
    assert_eq!(post(plain()).await.json()["tenant_id"], "t1");
    let other = post(with(plain(), "tenant_id", "t2".into())).await;
    assert_eq!(other.problem(), (403, "other_tenant".to_owned()));
    // It can neither overwrite nor read another tenant's record by reusing its id.
    service.write(vec![record(2, Some("t2")), record(3, None)]).await;
    for number in [2, 3] {
        let mut taken = record(number, None);
        taken.as_object_mut().unwrap().remove("tenant_id");
        assert_eq!(post(taken).await.problem(), (409, "id_conflict".to_owned()));
    }
}

#[tokio::test]
async fn every_invalid_field_is_reported() {
    let service = Service::start().await;
    let bad = json!({"actor_type": "robot", "actor_id": "", "action": "x", "target_type": 5,
                     "when": "now", "metadata": []});
    let answer = service.post(PATH).key("write").json(&bad).send().await;
    assert_eq!(answer.problem(), (422, "invalid_record".to_owned()));
    let errors = answer.errors();
    let expected = ["/actor_id", "/actor_type", "/target_type", "/target_id", "/metadata", "/when"];
    for pointer in expected {
        assert!(errors.iter().any(|(at, _)| at == pointer), "{pointer}: {errors:?}");
    }
    assert_eq!(total(&service).await, 0);
}

#[tokio::test]
async fn unsupported_media_types_are_rejected_before_reading() {
    let service = Service::start().await;
    let post = || service.post(PATH).key("write");
    let code = |answer: &Answer| answer.problem();
    let json = post().body("application/json; charset=utf-8", plain().to_string()).send().await;
    assert_eq!(json.status.as_u16(), 201);
    for form in ["text/plain", "application/x-www-form-urlencoded", "application/x-ndjson"] {
        let answer = post().body(form, plain().to_string()).send().await;
        assert_eq!(code(&answer), (415, "unsupported_media_type".to_owned()), "{form}");
    }
    assert_eq!(code(&post().send().await), (415, "unsupported_media_type".to_owned()));
    let packed = post().header("content-encoding", "gzip").json(&plain()).send().await;
    assert_eq!(code(&packed), (415, "unsupported_media_type".to_owned()));
    for text in ["", "{", "{} x", "\u{0}", "nul"] {
        let answer = post().body("application/json", text).send().await;
        assert_eq!(code(&answer), (400, "not_json".to_owned()), "{text:?}");
    }
    let text = post().body("application/json", "\"text\"").send().await;
    assert_eq!(code(&text), (422, "invalid_record".to_owned()));
    let rejected =
        service.post("/v1/audit-logs?dry_run=1").key("write").json(&plain()).send().await;
    assert_eq!(code(&rejected), (400, "invalid_parameter".to_owned()));
}

#[tokio::test]
async fn a_body_over_the_limit_is_rejected() {
    let config = ServerConfig { body_max_bytes: 1_000, ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let fits = format!("{}{}", plain(), " ".repeat(1_000 - plain().to_string().len()));
    let post = |body: String| service.post(PATH).key("write").body("application/json", body).send();
    assert_eq!(post(fits.clone()).await.status.as_u16(), 201);
    assert_eq!(post(fits + " ").await.problem(), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn a_body_timeout_is_408() {
    let config =
        ServerConfig { body_timeout: Duration::from_millis(100), ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let mut slow = TcpStream::connect(service.address).await.unwrap();
    let head = "POST /v1/audit-logs HTTP/1.1\r\nhost: a\r\nauthorization: Bearer write\r\n\
                content-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"body_timeout\""), "{answer}");
}

#[tokio::test]
async fn the_client_address_is_never_taken_from_a_header() {
    let service = Service::start().await;
    let post = service.post(PATH).key("write").header("x-forwarded-for", "203.0.113.9");
    let written = post.header("forwarded", "for=203.0.113.9").json(&plain()).send().await;
    assert_eq!(written.json()["ip_address"], Value::Null);
}
