use serde_json::json;

use super::*;

fn handle() -> Result<AuditHandle, crate::PolicyError> {
    let policy = Policy::builder().redact("password").redact("/card/number").build()?;
    Ok(AuditHandle::new(HeaderValue::from_static("r-1"), Arc::new(policy), caller()))
}

fn caller() -> Caller {
    Caller {
        method: http::Method::POST,
        principal: Principal::anonymous(),
        address: None,
        user_agent: None,
        rule: None,
        rule_tenant: None,
    }
}

type Outcome = Result<(), crate::PolicyError>;

#[test]
fn diff_keeps_only_differing_fields_without_secrets() -> Outcome {
    let audit = handle()?;
    let before =
        json!({"name": "a", "same": [1], "password": "planted", "card": {"number": 1}, "gone": 1});
    let after = json!({"name": "b", "same": [1], "password": "planted too", "card": {"number": 2}, "new": 2});
    audit.diff(&before, &after);
    assert_eq!(audit.enrichment().before, Some(json!({"name": "a", "gone": 1})));
    assert_eq!(audit.enrichment().after, Some(json!({"name": "b", "new": 2})));
    audit.diff(&1, &json!([2]));
    assert_eq!(audit.enrichment().before, Some(json!(1)));
    assert_eq!(audit.enrichment().after, Some(json!([2])));
    Ok(())
}

#[test]
fn added_metadata_is_merged_and_redacted() -> Outcome {
    let audit = handle()?;
    audit.add_metadata("Password", "planted");
    assert_eq!(audit.enrichment().extra, None);
    audit.add_metadata("why", "requested");
    audit.clone().add_metadata("card", json!({"number": "planted", "until": 2030}));
    audit.add_metadata("nested", json!([{"Cookie": "planted", "kept": 1}]));
    audit.add_metadata("why", "repeated");
    let extra = json!({"why": "repeated", "card": {"until": 2030}, "nested": [{"kept": 1}]});
    assert_eq!(audit.enrichment().extra, Some(extra));
    Ok(())
}

#[test]
fn unserializable_metadata_is_marked() -> Outcome {
    let audit = handle()?;
    let odd = std::collections::HashMap::from([((1, 2), 3)]);
    audit.add_metadata("odd", odd);
    assert_eq!(audit.enrichment().extra, Some(json!({"odd": "[no JSON]"})));
    Ok(())
}

#[test]
fn debug_shows_only_the_request_id() -> Outcome {
    let audit = handle()?;
    audit.set_target("project", "planted");
    audit.add_metadata("why", "planted");
    assert_eq!(format!("{audit:?}"), "AuditHandle { request_id: \"r-1\", .. }");
    Ok(())
}
