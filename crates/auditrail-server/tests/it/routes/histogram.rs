//! `GET /v1/audit-logs/histogram`.

use serde_json::{Value, json};

use crate::support::service::{Service, record};

#[tokio::test]
async fn counts_are_by_aligned_buckets() {
    let service = Service::start().await;
    service.write((0..6).map(|number| record(number, None)).collect()).await;
    let get = async |query: &str| {
        let path = format!("/v1/audit-logs/histogram?{query}");
        service.get(&path).key("read").send().await.json()
    };
    let bucket = |start: &str, count: u64| json!({"start": format!("2026-01-{start}T00:00:00.000000Z"), "count": count, "complete": true});
    let days = get("since=2026-01-01&until=2026-01-04&bars=3&actor_id=u0").await;
    assert_eq!(
        days,
        json!({"since": "2026-01-01T00:00:00.000000Z", "until": "2026-01-04T00:00:00.000000Z",
               "width_seconds": 86_400, "complete": true, "total": 2,
               "buckets": [bucket("01", 0), bucket("02", 2), bucket("03", 0)]})
    );
    let open = get("").await;
    assert_eq!((&open["total"], &open["complete"]), (&6.into(), &true.into()));
    let nothing = get("actor_id=unknown").await;
    let expected = json!({"since": null, "until": null, "width_seconds": null, "complete": true,
                          "total": 0, "buckets": []});
    assert_eq!(nothing, expected);
}

#[tokio::test]
async fn a_restricted_key_counts_its_tenant_only() {
    let service = Service::start().await;
    service.write(vec![record(1, Some("t1")), record(2, Some("t2")), record(3, None)]).await;
    let answer = service.get("/v1/audit-logs/histogram?bars=1").key("all-t1").send().await.json();
    assert_eq!(answer["total"], 1);
    let since = answer["since"].as_str().unwrap().to_owned();
    assert_eq!(
        Value::from(since),
        record(1, None)["created_at"].as_str().unwrap().replace("Z", ".000000Z")
    );
}

#[tokio::test]
async fn invalid_parameters_are_refused() {
    let service = Service::start().await;
    for (query, name, code) in [
        ("bars=0", "bars", "out_of_range"),
        ("bars=201", "bars", "out_of_range"),
        ("bars=x", "bars", "bad_format"),
        ("bars=1&bars=2", "bars", "duplicate_field"),
        ("since=2026-01-02&until=2026-01-02", "until", "empty_range"),
        ("limit=3", "limit", "unknown_field"),
    ] {
        let path = format!("/v1/audit-logs/histogram?{query}");
        let errors = service.get(&path).key("read").send().await.errors();
        assert_eq!(errors, [(name.to_owned(), code.to_owned())], "{query}");
    }
}
