//! `import` of real audit logs, if they are available next to the checkout.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

use auditrail_testkit::TestDb;
use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::import::counts;
use crate::reading::{assert_read_alike, readings, sample};
use crate::sandbox::{Sandbox, real_data};

type Counts = BTreeMap<String, u64>;

pub(crate) fn rows_of(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(values: impl Iterator<Item = String>) -> Counts {
    let mut counts = Counts::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// All records of the log.
pub(crate) fn exported(sandbox: &Sandbox) -> Vec<Value> {
    let mut rows = sandbox.run(&["export", "--format", "ndjson"]).code(0).rows();
    rows.pop();
    rows
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn action_of(event: &Value) -> String {
    let source = text(&event["eventSource"]);
    format!("{}.{}", source.replace(".amazonaws.com", ""), text(&event["eventName"]))
}

/// Compares the stored records with the independent reading, by event id.
fn assert_cloudtrail_read_alike(sandbox: &Sandbox, events: &[Value]) {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let Some(readings) = readings("cloudtrail", &lines) else {
        return;
    };
    let records = exported(sandbox);
    let by_id: HashMap<_, _> = records.iter().map(|row| (text(&row["id"]), row)).collect();
    assert_eq!((by_id.len(), readings.len()), (events.len(), events.len()));
    for (event, reading) in events.iter().zip(&readings) {
        assert_read_alike(by_id[&text(&event["eventID"])], reading);
    }
}

#[tokio::test]
async fn committed_cloudtrail_events_are_read_alike() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", sample("cloudtrail"));
    sandbox.run(&["import", "--format", "cloudtrail", "a.ndjson"]).code(0);
    let events = sample("cloudtrail");
    let events: Vec<_> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_cloudtrail_read_alike(&sandbox, &events);
}

#[tokio::test]
async fn cloudtrail_sample_is_imported_completely() {
    let Some(path) = real_data("cloudtrail.ndjson.gz") else {
        return;
    };
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let args = ["import", "--format", "cloudtrail", "--json", path.to_str().unwrap()];
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (2_900, 0, 0));
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (0, 2_900, 0));

    let events = rows_of(&path);
    let records = exported(&sandbox);
    let actions = count(records.iter().map(|row| text(&row["action"])));
    assert_eq!(actions, count(events.iter().map(action_of)));

    // IP addresses are in the column, host names in the metadata.
    let sources = records.iter().map(|row| match &row["ip_address"] {
        Value::Null => text(&row["metadata"]["sourceHost"]),
        address => text(address),
    });
    assert_eq!(count(sources), count(events.iter().map(|e| text(&e["sourceIPAddress"]))));
    let ids = |rows: &[Value], name: &str| count(rows.iter().map(|row| text(&row[name])));
    assert_eq!(ids(&records, "id"), ids(&events, "eventID"));
    assert_cloudtrail_read_alike(&sandbox, &events);
    let requests = records.iter().map(|row| text(&row["request_id"]));
    assert_eq!(count(requests), ids(&events, "requestID"));
}

#[tokio::test]
async fn git_history_sample_is_imported_completely() {
    let Some(path) = real_data("git-history.ndjson.gz") else {
        return;
    };
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let args = ["import", "--format", "ndjson", "--json", path.to_str().unwrap()];
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (60_000, 0, 0));
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (0, 60_000, 0));
    let lines = rows_of(&path);
    let records = exported(&sandbox);
    for name in ["actor_id", "action", "target_id"] {
        let of = |rows: &[Value]| count(rows.iter().map(|row| text(&row[name])));
        assert_eq!(of(&records), of(&lines), "{name}");
    }
}
