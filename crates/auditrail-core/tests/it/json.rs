//! Records and inputs as JSON.

use auditrail_core::{CreateInput, Record, RecordId, RecordTime};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::strategies::{full_json, good_input, now, stored_record};

#[test]
fn record_json_has_every_column_and_null_for_none() {
    let input = CreateInput::from_json(
        br#"{"actor_id":"u1","actor_type":"user","action":"a.b","target_type":"t","target_id":"x"}"#,
        now(),
    );
    let id: RecordId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let record = input.unwrap().into_record(id, RecordTime::new(now()).unwrap());
    assert_eq!(
        serde_json::to_string(&record).unwrap(),
        concat!(
            r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","actor_id":"u1","actor_type":"user","#,
            r#""action":"a.b","target_type":"t","target_id":"x","metadata":{},"ip_address":null,"#,
            r#""user_agent":null,"created_at":"2026-01-02T03:04:05.000000Z","tenant_id":null,"#,
            r#""request_id":null,"outcome":null,"actor_name":null,"target_name":null,"recorded_by":null}"#,
        )
    );
}

#[test]
fn full_input_becomes_its_record() {
    let input = CreateInput::from_json(full_json().to_string().as_bytes(), now()).unwrap();
    let other_id = RecordId::derived(None, &[]);
    let record = input.clone().into_record(other_id, RecordTime::new(now()).unwrap());
    assert_eq!(serde_json::to_value(&record).unwrap(), full_json());
    assert!(input.matches_stored(&record));
}

#[test]
fn null_means_absent() {
    let mut json = full_json();
    let optional = [
        "id",
        "metadata",
        "ip_address",
        "user_agent",
        "created_at",
        "tenant_id",
        "request_id",
        "outcome",
        "actor_name",
        "target_name",
    ];
    for name in optional {
        json[name] = Value::Null;
    }
    let input = CreateInput::from_json(json.to_string().as_bytes(), now()).unwrap();
    let json = serde_json::to_value(&input).unwrap();
    assert_eq!(
        json,
        json!({"actor_id": "u1", "actor_type": "user", "action": "project.created",
               "target_type": "project", "target_id": "p1"})
    );
    assert_eq!(input.metadata_text(), "{}");
}

/// Whether the record matches a record of the same input a microsecond later.
fn matches_later_record(input: &CreateInput, stored: &Record) -> bool {
    let later = RecordTime::from_unix_micros(stored.created_at.unix_micros() + 1).unwrap();
    let record = input.clone().into_record(stored.id, later);
    input.provided_fields().matches_stored(&record, stored)
}

#[test]
fn input_matches_its_record_unless_changed() {
    let read = |json: &Value| CreateInput::from_json(json.to_string().as_bytes(), now()).unwrap();
    let base = full_json();
    let time = RecordTime::new(now()).unwrap();
    let record = read(&base).into_record(RecordId::derived(None, &[]), time);
    let changes = [
        ("id", json!("01890a5d-ac96-774b-bcce-b302099a8058")),
        ("actor_id", json!("u2")),
        ("actor_type", json!("api_key")),
        ("action", json!("project.deleted")),
        ("target_type", json!("team")),
        ("target_id", json!("p2")),
        ("metadata", json!({"plan": "free"})),
        ("ip_address", json!("203.0.113.8")),
        ("user_agent", json!("curl/9")),
        ("created_at", json!("2026-01-02T03:04:05.000007Z")),
        ("tenant_id", json!("t2")),
        ("request_id", json!("r2")),
        ("outcome", json!("denied")),
        ("actor_name", json!("Grace")),
        ("target_name", json!("Gemini")),
    ];
    // The writer is no input.
    assert_eq!(changes.len() + 1, base.as_object().unwrap().len());
    for (name, other) in changes {
        let mut changed = base.clone();
        changed[name] = other;
        assert!(!read(&changed).matches_stored(&record), "{name}");
        assert!(!matches_later_record(&read(&changed), &record), "{name}");
    }
    for name in ["id", "metadata", "ip_address", "created_at", "tenant_id"] {
        let mut shorter = base.clone();
        shorter.as_object_mut().unwrap().remove(name);
        assert!(read(&shorter).matches_stored(&record), "{name}");
        assert!(matches_later_record(&read(&shorter), &record), "{name}");
    }
}

#[test]
fn unknown_fields_of_a_record_are_ignored() {
    let mut json = full_json();
    json["seq"] = json!(7);
    let record: Record = serde_json::from_value(json).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap(), full_json());
}

#[test]
fn exported_record_is_an_input_without_its_writer() {
    let mut json = full_json();
    json["recorded_by"] = json!("key:k1");
    let text = json.to_string();
    let input = CreateInput::from_exported_json(text.as_bytes(), now()).unwrap();
    assert_eq!(Ok(input), CreateInput::from_json(full_json().to_string().as_bytes(), now()));
    assert!(CreateInput::from_json(text.as_bytes(), now()).is_err());
    json["actor_id"] = json!("");
    let error = CreateInput::from_exported_json(json.to_string().as_bytes(), now()).unwrap_err();
    assert_eq!(error.to_string().matches("recorded_by").count(), 0, "{error}");
}

#[test]
fn record_with_invalid_system_actor_is_rejected() {
    let mut json = full_json();
    json["actor_type"] = json!("system");
    assert!(serde_json::from_value::<Record>(json).is_err());
}

proptest! {
    #[test]
    fn records_round_trip_through_json(record in stored_record()) {
        let text = serde_json::to_string(&record).unwrap();
        prop_assert!(!text.contains('\n'), "a record is one line of NDJSON");
        prop_assert_eq!(&serde_json::from_str::<Record>(&text).unwrap(), &record);
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value.as_object().unwrap().len(), 16);
        prop_assert_eq!(&serde_json::from_reader::<_, Record>(text.as_bytes()).unwrap(), &record);
    }

    #[test]
    fn inputs_round_trip_through_json_and_match_their_record(input in good_input()) {
        let text = serde_json::to_vec(&input).unwrap();
        prop_assert_eq!(CreateInput::from_json(&text, now()), Ok(input.clone()));
        let time = RecordTime::new(now()).unwrap();
        let record = input.clone().into_record(RecordId::derived(None, &[]), time);
        prop_assert!(input.matches_stored(&record));
        prop_assert!(input.provided_fields().matches_stored(&record, &record));
    }
}
