//! `GET /v1/audit-logs/facets`.

use serde_json::{Value, json};

use crate::support::service::{Service, record};

#[tokio::test]
async fn values_are_counted_without_the_filter_of_their_field() {
    let service = Service::start().await;
    service.write((0..6).map(|number| record(number, Some("t1"))).collect()).await;
    let path = "/v1/audit-logs/facets?fields=actor,tenant,target_type&actor=user:u0";
    let answer = service.get(path).key("read").send().await.json();
    let facet = |field: &str, values: Value| {
        json!({"field": field, "complete": true, "sampled": false, "since": null, "has_more": false,
               "values": values})
    };
    let value = |value: &str, count: u64| json!({"value": value, "count": count});
    let expected = json!({"facets": [
        facet("actor", json!([value("user:u0", 2), value("user:u1", 2), value("user:u2", 2)])),
        facet("tenant_id", json!([value("t1", 2)])),
        facet("target_type", json!([value("project", 2)])),
    ]});
    assert_eq!(answer, expected);
    let all = service.get("/v1/audit-logs/facets").key("read").send().await.json();
    let fields = all["facets"].as_array().unwrap().iter();
    let fields: Vec<_> = fields.map(|facet| facet["field"].as_str().unwrap()).collect();
    let expected = [
        "actor",
        "actor_type",
        "action",
        "target",
        "target_type",
        "tenant_id",
        "request_id",
        "ip_address",
        "outcome",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn a_restricted_key_sees_no_values_of_other_tenants() {
    let service = Service::start().await;
    service.write(vec![record(1, Some("t1")), record(2, Some("t2")), record(3, None)]).await;
    for query in ["", "?tenant_id=t1", "?tenant=t1&actor_id=u1"] {
        let path = format!("/v1/audit-logs/facets{query}");
        let answer = service.get(&path).key("all-t1").send().await.json();
        for facet in answer["facets"].as_array().unwrap() {
            let values = facet["values"].as_array().unwrap();
            let counts: u64 = values.iter().map(|value| value["count"].as_u64().unwrap()).sum();
            assert!(counts <= 1, "{facet}");
            if facet["field"] == "tenant_id" {
                assert_eq!(values[0]["value"], "t1");
            }
        }
    }
    let path = "/v1/audit-logs/facets?fields=tenant&tenant_id=t1";
    let answer = service.get(path).key("all").send().await.json();
    assert_eq!(answer["facets"][0]["values"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn invalid_parameters_are_refused() {
    let service = Service::start().await;
    for (query, name, code) in [
        ("fields=", "fields", "unknown_value"),
        ("fields=actor,what", "fields", "unknown_value"),
        ("fields=metadata.plan", "fields", "unknown_value"),
        ("fields=actor&fields=action", "fields", "duplicate_field"),
        ("bars=3", "bars", "unknown_field"),
        ("outcome=x", "outcome", "unknown_value"),
    ] {
        let path = format!("/v1/audit-logs/facets?{query}");
        let errors = service.get(&path).key("read").send().await.errors();
        assert_eq!(errors, [(name.to_owned(), code.to_owned())], "{query}");
    }
}
