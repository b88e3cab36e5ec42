//! `GET /v1/audit-logs/values`.

use serde_json::json;

use crate::support::service::{Service, record};

#[tokio::test]
async fn values_start_with_the_prefix() {
    let service = Service::start().await;
    service.write((0..6).map(|number| record(number, None)).collect()).await;
    let get = async |query: &str| {
        let path = format!("/v1/audit-logs/values?{query}");
        service.get(&path).key("read").send().await.json()
    };
    assert_eq!(
        get("field=target_id&prefix=p&limit=4").await,
        json!({"field": "target_id", "values": ["p0", "p1", "p2", "p3"], "has_more": true,
               "complete": true, "sampled": false, "since": null})
    );
    assert_eq!(get("field=target_id").await["values"].as_array().unwrap().len(), 6);
    for literal in ["prefix=%25", "prefix=p_", "prefix=P"] {
        assert_eq!(get(&format!("field=target_id&{literal}")).await["values"], json!([]));
    }
    assert_eq!(get("field=ip").await["field"], "ip_address");
}

#[tokio::test]
async fn a_restricted_key_sees_values_of_its_tenant_only() {
    let service = Service::start().await;
    service.write(vec![record(1, Some("t1")), record(2, Some("t2")), record(3, None)]).await;
    for (field, value) in [("target_id", "p1"), ("tenant_id", "t1"), ("actor_id", "u1")] {
        for tenant in ["", "&tenant_id=t1", "&tenant=t1"] {
            let path = format!("/v1/audit-logs/values?field={field}{tenant}");
            let answer = service.get(&path).key("all-t1").send().await.json();
            assert_eq!(answer["values"], json!([value]), "{path}");
            assert_eq!(answer["sampled"], true);
        }
    }
    let other = service.get("/v1/audit-logs/values?field=actor_id&tenant=t2").key("all-t1");
    assert_eq!(other.send().await.problem(), (403, "other_tenant".to_owned()));
}

#[tokio::test]
async fn every_invalid_parameter_is_reported() {
    let service = Service::start().await;
    let long = format!("field=actor_id&prefix={}", "x".repeat(501));
    for (query, expected) in [
        ("", vec![("field", "unknown_value")]),
        ("field=metadata.plan", vec![("field", "unknown_value")]),
        ("field=outcome", vec![("field", "unknown_value")]),
        ("field=action&limit=0", vec![("limit", "out_of_range")]),
        ("field=action&limit=101", vec![("limit", "out_of_range")]),
        ("field=action&prefix=%0A", vec![("prefix", "control_character")]),
        (&long, vec![("prefix", "too_long")]),
        (
            "limit=x&actor_id=u1",
            vec![
                ("field", "unknown_value"),
                ("limit", "bad_format"),
                ("actor_id", "unknown_field"),
            ],
        ),
    ] {
        let path = format!("/v1/audit-logs/values?{query}");
        let errors = service.get(&path).key("read").send().await.errors();
        let expected = expected.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned()));
        assert_eq!(errors, expected.collect::<Vec<_>>(), "{query}");
    }
}
