use serde_json::json;

use super::*;

fn handle() -> Result<AuditHandle, crate::PolicyError> {
    let policy = Policy::builder().redact("password").redact("/card/number").build()?;
    Ok(AuditHandle::new(HeaderValue::from_static("r-1"), Arc::new(policy)))
}

type Outcome = Result<(), crate::PolicyError>;

#[test]
fn of_two_objects_only_what_differs_is_kept_and_no_secret() -> Outcome {
    let audit = handle()?;
    let before =
        json!({"name": "a", "same": [1], "password": "planted", "card": {"number": 1}, "gone": 1});
    let after = json!({"name": "b", "same": [1], "password": "planted too", "card": {"number": 2}, "new": 2});
    audit.diff(&before, &after);
    assert_eq!(audit.said().before, Some(json!({"name": "a", "gone": 1})));
    assert_eq!(audit.said().after, Some(json!({"name": "b", "new": 2})));
    audit.diff(&1, &json!([2]));
    assert_eq!(audit.said().before, Some(json!(1)));
    assert_eq!(audit.said().after, Some(json!([2])));
    Ok(())
}

#[test]
fn what_is_added_is_gathered_without_secrets() -> Outcome {
    let audit = handle()?;
    audit.add_metadata("Password", "planted");
    assert_eq!(audit.said().extra, None);
    audit.add_metadata("why", "asked");
    audit.clone().add_metadata("card", json!({"number": "planted", "until": 2030}));
    audit.add_metadata("nested", json!([{"Cookie": "planted", "kept": 1}]));
    audit.add_metadata("why", "told");
    let extra = json!({"why": "told", "card": {"until": 2030}, "nested": [{"kept": 1}]});
    assert_eq!(audit.said().extra, Some(extra));
    Ok(())
}

#[test]
fn what_has_no_form_in_json_is_named() -> Outcome {
    let audit = handle()?;
    let odd = std::collections::HashMap::from([((1, 2), 3)]);
    audit.add_metadata("odd", odd);
    assert_eq!(audit.said().extra, Some(json!({"odd": "[no JSON]"})));
    Ok(())
}

#[test]
fn it_shows_nothing_of_what_was_said() -> Outcome {
    let audit = handle()?;
    audit.set_target("project", "planted");
    audit.add_metadata("why", "planted");
    assert_eq!(format!("{audit:?}"), "AuditHandle { request_id: \"r-1\", .. }");
    Ok(())
}
