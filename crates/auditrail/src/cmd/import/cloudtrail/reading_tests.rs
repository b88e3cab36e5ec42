//! Compares the mapping with the independent reading of `tests/it/reading.py`, and checks that no value of an
//! event is lost.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use auditrail_core::Outcome;

use super::*;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The committed events, and real ones if this machine has them.
fn events() -> Vec<String> {
    let sample =
        std::fs::read_to_string(format!("{HERE}/tests/it/samples/cloudtrail.ndjson")).unwrap();
    let mut lines: Vec<String> = sample.lines().map(str::to_owned).collect();
    let path = Path::new(HERE).join("../../../shared/data/cloudtrail.ndjson.gz");
    if let Ok(file) = std::fs::File::open(path) {
        let mut text = String::new();
        MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

/// The readings of events; `None` without Python.
fn readings(events: &[String]) -> Option<Vec<Value>> {
    let mut child = Command::new("python3")
        .args([&format!("{HERE}/tests/it/reading.py"), "cloudtrail"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let input = events.join("\n");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn parsed(event: &str) -> CreateInput {
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    parse(event.as_bytes(), now).unwrap_or_else(|reason| panic!("{event}: {}", reason.text))
}

#[test]
fn events_are_read_alike() {
    let events = events();
    let Some(readings) = readings(&events) else {
        return;
    };
    assert_eq!(events.len(), readings.len());
    for (event, reading) in events.iter().zip(&readings) {
        let input = parsed(event);
        assert_eq!(input.actor.to_string(), reading["actor"], "{event}");
        assert_eq!(input.created_at.unwrap().unix_micros(), reading["time"], "{event}");
        let address = input.context.ip_address.map(|address| address.to_string());
        assert_eq!(address.as_deref(), reading["address"].as_str(), "{event}");
        let outcome = input.outcome.map(Outcome::as_str);
        assert_eq!(outcome, reading["outcome"].as_str(), "{event}");
    }
}

/// All texts of a value, except empty ones.
fn texts<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, out)),
        Value::Object(members) => members.values().for_each(|value| texts(value, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn no_text_of_an_event_is_lost() {
    for event in events() {
        let value: Value = serde_json::from_str(&event).unwrap();
        let input = parsed(&event);
        let id = input.id.unwrap();
        let record = input.into_record(id, RecordTime::from_stored_micros(0));
        let record = serde_json::to_value(&record).unwrap();
        let mut kept = Vec::new();
        texts(&record, &mut kept);
        let mut expected = Vec::new();
        texts(&value, &mut expected);
        let (action, time) =
            (record["action"].as_str().unwrap(), record["created_at"].as_str().unwrap());
        let columns = [&value["eventName"], &value["eventSource"], &value["eventTime"]];
        for text in expected.into_iter().filter(|text| !text.is_empty()) {
            let in_column = columns.iter().any(|column| *column == text)
                && (action.ends_with(&format!(".{text}"))
                    || text == format!("{}.amazonaws.com", action.split('.').next().unwrap())
                    || times::parse(text).is_some_and(|parsed| parsed.to_string() == time));
            let address = parse_address(text).map(|address| address.to_string());
            let is_kept = kept.contains(&text)
                || address.is_ok_and(|address| record["ip_address"] == address.as_str());
            assert!(in_column || is_kept, "{text} of {event} is not in {record}");
        }
    }
}

/// The pointers of all values inside of a value.
fn pointers(value: &Value, prefix: &str, out: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Array(values) => (0..).map(|n: u32| n.to_string()).zip(values).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inside {
        let pointer = format!("{prefix}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, out);
        out.push(pointer);
    }
}

/// Without one of these a record does not say who did what when.
const ESSENTIAL: [&str; 3] = ["/userIdentity", "/eventName", "/eventTime"];

#[test]
fn no_odd_value_rejects_an_event() {
    let odd: Vec<Value> = [
        "null",
        "true",
        "7",
        "1e400",
        "-0",
        "\"\"",
        "\"x.\"",
        "\"a\\u0000b\"",
        "\"\\ud83d\"",
        "\"\\n\"",
        "[]",
        "{}",
        "[1]",
        "{\"a\":{}}",
        "[[\"x\"]]",
    ]
    .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(format!("raw {text}"))))
    .into();
    let deep = (0..60).fold(Value::from(1), |inner, _| Value::from(vec![inner]));
    let long = [Value::from("x".repeat(3_000)), Value::from("y".repeat(80_000)), deep];
    let sample =
        std::fs::read_to_string(format!("{HERE}/tests/it/samples/cloudtrail.ndjson")).unwrap();
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    for event in sample.lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        let mut places = Vec::new();
        pointers(&event, "", &mut places);
        for place in places.iter().filter(|place| !ESSENTIAL.contains(&place.as_str())) {
            for value in odd.iter().chain(&long) {
                let mut changed = event.clone();
                *changed.pointer_mut(place).unwrap() = value.clone();
                let text = changed.to_string();
                if let Err(reason) = parse(text.as_bytes(), now) {
                    panic!(
                        "{place} as {}: {}",
                        &value.to_string()[..20.min(value.to_string().len())],
                        reason.text
                    );
                }
            }
        }
    }
}

#[test]
fn escapes_without_a_character_are_replaced() {
    for (escape, place) in [("\\u0000", "userName"), ("\\ud83d", "userName"), ("\\ude00x", "arn")] {
        let text = format!(
            r#"{{"userIdentity":{{"type":"X","{place}":"a{escape}b"}},"eventName":"E","eventTime":"2023-07-10T11:42:18Z","{escape}":"{escape}"}}"#
        );
        let input = parsed(&text);
        assert!(input.actor.id().starts_with("a\u{fffd}"), "{}", input.actor);
        assert!(input.metadata_text().contains("\\ufffd"), "{}", input.metadata_text());
    }
}
