//! Compares the mapping with the independent reading of `tests/it/reading.py`, and checks that no value of an
//! event is lost.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

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

fn parsed(event: &str) -> Mapped {
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
        let Mapped { input, labels } = parsed(event);
        assert_eq!(input.actor.to_string(), reading["actor"], "{event}");
        assert_eq!(input.created_at.unwrap().unix_micros(), reading["time"], "{event}");
        let address = input.context.ip_address.map(|address| address.to_string());
        assert_eq!(address.as_deref(), reading["address"].as_str(), "{event}");
        let outcome = labels.outcome.map(|outcome| format!("{outcome:?}").to_lowercase());
        assert_eq!(outcome.as_deref(), reading["outcome"].as_str(), "{event}");
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
        let input = parsed(&event).input;
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
                    || time.replace(".000000Z", "Z") == text);
            let address = parse_address(text).map(|address| address.to_string());
            let is_kept = kept.contains(&text)
                || address.is_ok_and(|address| record["ip_address"] == address.as_str());
            assert!(in_column || is_kept, "{text} of {event} is not in {record}");
        }
    }
}
