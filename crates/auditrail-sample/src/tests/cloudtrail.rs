//! CloudTrail events have the form of AWS.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::Sample;

fn events(sample: &Sample) -> Vec<Value> {
    let mut bytes = Vec::new();
    sample.write_cloudtrail(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn both_formats_have_the_same_events() {
    let sample = Sample::new(1, 700);
    let mut document = Vec::new();
    sample.write_cloudtrail_records(&mut document).unwrap();
    let mut document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["Records"].take(), Value::Array(events(&sample)));

    let mut empty = Vec::new();
    Sample::new(1, 0).write_cloudtrail_records(&mut empty).unwrap();
    assert_eq!(empty, b"{\"Records\":[]}\n");
}

#[test]
fn callers_are_users_roles_and_services() {
    let sample = Sample::new(1, 20_000);
    let mut kinds: HashMap<String, u64> = HashMap::new();
    let mut ids = HashSet::new();
    let mut failed = 0;
    for event in events(&sample) {
        let kind = event["userIdentity"]["type"].as_str().unwrap();
        *kinds.entry(kind.to_owned()).or_default() += 1;
        let id: uuid::Uuid = event["eventID"].as_str().unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 4);
        assert!(ids.insert(id));
        let from = event["sourceIPAddress"].as_str().unwrap();
        assert_eq!(kind == "AWSService", from.ends_with(".amazonaws.com"), "{event}");
        if event.get("errorCode").is_some() {
            failed += 1;
            assert_eq!(event["responseElements"], Value::Null);
        }
        assert!(event["eventSource"].as_str().unwrap().ends_with(".amazonaws.com"));
        assert_eq!(event["eventTime"].as_str().unwrap().len(), "2026-03-01T00:00:00Z".len());
    }
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(kinds["IAMUser"] > kinds["AssumedRole"] && kinds["AssumedRole"] > kinds["AWSService"]);
    assert!((200..700).contains(&failed), "{failed}");
}

#[test]
fn thief_reads_secrets_and_its_access_key_is_deleted() {
    let sample = Sample::new(1, 2_000);
    let incident = sample.incident().unwrap();
    let events = events(&sample);
    let thief: Vec<_> =
        events.iter().filter(|event| event["sourceIPAddress"] == incident.address).collect();
    assert_eq!(thief.len() as u64, incident.secrets_read);
    assert!(thief.iter().all(|event| event["eventName"] == "GetSecretValue"));
    assert!(thief.iter().all(|event| event.get("errorCode").is_none()));

    let made = events.iter().filter_map(|event| {
        event["responseElements"]["accessKey"]["accessKeyId"].as_str().map(str::to_owned)
    });
    let made: HashSet<_> = made.collect();
    let deleted = events.iter().any(|event| {
        let responder = event["userIdentity"]["userName"] == incident.responder;
        let key = event["requestParameters"]["accessKeyId"].as_str();
        responder
            && event["eventName"] == "DeleteAccessKey"
            && key.is_some_and(|key| made.contains(key))
    });
    assert!(deleted);
}
