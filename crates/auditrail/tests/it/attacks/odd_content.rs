//! Content at the limits: metadata is stored as it was answered (`t5.py`), and rows that plain SQL wrote outside
//! of the rules break no response (`t_raw.py`).

use auditrail_testkit::TestDb;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::service::{Service, key};

const PATH: &str = "/v1/audit-logs";

/// The metadata, as text, of a record as JSON.
fn metadata(document: &str) -> &str {
    let (_, rest) = document.split_once("\"metadata\":").unwrap();
    rest.split_once(",\"ip_address\"").unwrap().0
}

/// Whether two values are equal, with numbers compared by their value: `jsonb` stores 1e3 as 1000.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|o| is_equal(one, o)))
        }
        _ => one == other,
    }
}

#[tokio::test]
async fn accepted_metadata_is_stored_as_answered() {
    let db = TestDb::migrated().await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let key = key(&db).await;
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let digits = |count: usize| format!("{{\"a\":{}}}", "9".repeat(count));
    let text = |count: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(count));
    let cases = [
        (r#"{"a":1,"a":2}"#.to_owned(), Some("duplicate_field")),
        (r#"{"a":1,"\u0061":2}"#.to_owned(), Some("duplicate_field")),
        (r#"{"a":{"b":1,"b":1}}"#.to_owned(), Some("duplicate_field")),
        (r#"{"a":1e3}"#.to_owned(), None),
        (r#"{"a":1.0}"#.to_owned(), None),
        (r#"{"a":-0}"#.to_owned(), None),
        (r#"{"a":1E400}"#.to_owned(), None),
        (r#"{"a":1e-400}"#.to_owned(), None),
        (r#"{"a":"\u0000"}"#.to_owned(), Some("unstorable_text")),
        (r#"{"a":"\ud83d\ude00"}"#.to_owned(), None),
        (r#"{"":1}"#.to_owned(), None),
        (nested(31), None),
        (nested(32), Some("too_deep")),
        (digits(1_000), None),
        (digits(1_001), Some("number_out_of_range")),
        (r#"{"a":1e1001}"#.to_owned(), Some("number_out_of_range")),
        ("[]".to_owned(), Some("wrong_type")),
        (text(65_528), None),
        (text(65_529), Some("too_large")),
        (r#"{ "b" : 1 , "a" : 2 }"#.to_owned(), None),
    ];
    for (metadata_text, error) in cases {
        let shown = metadata_text.chars().take(40).collect::<String>();
        let body = format!(
            r#"{{"actor_type":"user","actor_id":"x","action":"a.b","target_type":"t","target_id":"t","metadata":{metadata_text}}}"#
        );
        let post =
            |body: String| service.post(PATH).key(&key).body("application/json", body).send();
        let answer = post(body.clone()).await;
        if let Some(code) = error {
            let codes: Vec<_> = answer.errors().into_iter().map(|(_, code)| code).collect();
            assert_eq!((answer.status.as_u16(), codes), (422, vec![code.to_owned()]), "{shown}");
            continue;
        }
        assert_eq!(answer.status.as_u16(), 201, "{shown}: {answer:?}");
        let id = answer.header("location").rsplit('/').next().unwrap().to_owned();
        let stored = service.get(&format!("{PATH}/{id}")).key(&key).send().await;
        let texts =
            [&answer, &stored].map(|answer| String::from_utf8(answer.body.to_vec()).unwrap());
        let values = [0, 1].map(|n| serde_json::from_str::<Value>(metadata(&texts[n])));
        match values {
            [Ok(answered), Ok(stored)] => assert!(is_equal(&answered, &stored), "{shown}"),
            // A number that no float holds.
            _ => assert!(!metadata(&texts[1]).is_empty()),
        }
        let replay = body.replacen('{', &format!("{{\"id\":\"{id}\","), 1);
        assert_eq!(post(replay).await.status.as_u16(), 200, "{shown}");
    }
    for malformed in [r#"{"a":NaN}"#, r#"{"a":"\ud800"}"#] {
        let body = format!(
            r#"{{"actor_type":"user","actor_id":"x","action":"a.b","target_type":"t","target_id":"t","metadata":{malformed}}}"#
        );
        let answer = service.post(PATH).key(&key).body("application/json", body).send().await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{malformed}: {answer:?}");
    }
}

/// Rows that no interface of the program writes.
const ROWS: &str = r#"
    alter table control_plane.audit_logs drop constraint audit_logs_created_at_check;
    insert into control_plane.audit_logs
        (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, created_at)
    values
        (gen_random_uuid(), '', 'user', E'no dot\n', 'weird', E'\t', null, '10.1.2.3/8', '', 'infinity'),
        (gen_random_uuid(), repeat('x', 9000), 'api_key', '', 'weird', 'ü', 'null', '::ffff:10.0.0.1', null, '-infinity'),
        (gen_random_uuid(), 'system', 'system', '.*', 'weird', E'\u001b[31mred\u0007', '[1e300, {"k": []}]', '0.0.0.0/0', null, '200000-01-01'),
        (gen_random_uuid(), '=1+1', 'user', 'a.b', 'weird', E'\r\n', '{"a": "\u001b]0;x\u0007"}', null, E'\u0085', '4000-01-01 BC')"#;

#[tokio::test]
async fn rows_outside_of_the_rules_are_answered() {
    let db = TestDb::migrated().await;
    db.as_owner(ROWS).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let key = key(&db).await;
    let get = async |path: &str| service.get(&format!("{PATH}{path}")).key(&key).send().await;
    let page = get("?target_type=weird&limit=1000").await;
    let rows = page.json()["data"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 4, "{page:?}");
    for row in &rows {
        let one = get(&format!("/{}", row["id"].as_str().unwrap())).await;
        assert_eq!(&one.json(), row);
    }
    // Page by page each row occurs once, although three times are out of the range of the interface.
    let (mut seen, mut path) = (Vec::new(), "?target_type=weird&limit=1".to_owned());
    for _ in 0..4 {
        let page = get(&path).await.json();
        seen.push(page["data"][0]["id"].clone());
        let next = page["pagination"]["next_cursor"].as_str().unwrap_or_default().to_owned();
        path = format!("?target_type=weird&limit=1&cursor={next}");
    }
    assert_eq!(seen, rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>());
    assert_eq!(get("/stats?target_type=weird").await.json()["total"], 4);
    for format in ["ndjson", "csv"] {
        let export = get(&format!("/export?format={format}&target_type=weird")).await;
        assert_eq!(export.status.as_u16(), 200);
        let text = String::from_utf8(export.body.to_vec()).unwrap();
        if format == "ndjson" {
            assert!(!text.contains('\u{1b}'), "{text}");
            assert_eq!(text.lines().count(), 5, "{text}");
        } else {
            assert!(!text.contains(",=1+1") && !text.contains("\n=1+1"), "{text}");
        }
    }
}
