//! `import` of real audit logs, if they are available next to the checkout.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use auditrail_testkit::TestDb;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use crate::import::counts;
use crate::sandbox::{Sandbox, real_data};

type Counts = BTreeMap<String, u64>;

fn rows_of(path: &Path) -> Vec<Value> {
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
fn exported(sandbox: &Sandbox) -> Vec<Value> {
    let mut rows = sandbox.run(&["export", "--format", "ndjson"]).code(0).rows();
    rows.pop();
    rows
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The documented mapping of the actor, implemented independently.
fn actor_of(event: &Value) -> String {
    let identity = &event["userIdentity"];
    match identity["type"].as_str() {
        Some("IAMUser") => format!("user:{}", text(&identity["userName"])),
        Some("AssumedRole") => format!("user:{}", text(&identity["arn"])),
        Some("AWSService") | None => "system".to_owned(),
        Some(other) => panic!("the file has no {other}"),
    }
}

fn action_of(event: &Value) -> String {
    let source = text(&event["eventSource"]);
    format!("{}.{}", source.replace(".amazonaws.com", ""), text(&event["eventName"]))
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
    let actor = |row: &Value| match row["actor_type"].as_str() {
        Some("system") => "system".to_owned(),
        kind => format!("{}:{}", kind.unwrap(), text(&row["actor_id"])),
    };
    assert_eq!(count(records.iter().map(actor)), count(events.iter().map(actor_of)));
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

/// The jq program of `docs/import.md`, in Rust.
fn map_saas(row: &Value) -> Value {
    let event = &row["event"];
    let first = |paths: &[&str]| {
        let values = paths.iter().filter_map(|path| event.pointer(path));
        let mut texts = values.filter_map(|value| match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        texts.next()
    };
    let service = text(&row["log_type"]).split('.').next().unwrap().to_lowercase();
    let actor = ["/actor/email", "/actor/alternateId", "/actor/user/email", "/actor/id", "/actor"];
    let verb = ["/event_type", "/eventType", "/action", "/event/type", "/name", "/type"];
    let target =
        ["/resource/gid", "/target/0/id", "/repo", "/entity/user/id", "/id/uniqueQualifier"];
    json!({
        "actor_type": "user",
        "actor_id": first(&actor).unwrap_or_else(|| "unknown".to_owned()),
        "action": format!("{service}.{}", first(&verb).unwrap_or_else(|| "event".to_owned())),
        "target_type": service,
        "target_id": first(&target).unwrap_or_else(|| "unknown".to_owned()),
        "metadata": event,
    })
}

/// Runs the documented program with jq, if it is installed.
#[test]
fn documented_jq_mapping_matches_the_test() {
    let Some(path) = real_data("saas-audit-samples.ndjson.gz") else {
        return;
    };
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/import.md");
    let page = std::fs::read_to_string(page).unwrap();
    let program = page.split("```jq\n").nth(1).unwrap().split("```").next().unwrap();
    let rows = rows_of(&path);
    let sandbox = Sandbox::bare();
    let input: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let input = sandbox.file("in.ndjson", input);
    let jq = Command::new("jq").arg("-c").arg(program).arg(input).output();
    let Ok(output) = jq else {
        eprintln!("skipped: there is no jq on this machine");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mapped = String::from_utf8(output.stdout).unwrap();
    let mapped: Vec<Value> = mapped.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(mapped.len(), rows.len());
    for (by_jq, row) in mapped.iter().zip(&rows) {
        let by_us = map_saas(row);
        for name in ["actor_type", "actor_id", "action", "target_type", "target_id"] {
            assert_eq!(by_jq[name], by_us[name], "{name} of {row}");
        }
    }
}

#[tokio::test]
async fn mapped_saas_sample_is_imported_completely() {
    let Some(path) = real_data("saas-audit-samples.ndjson.gz") else {
        return;
    };
    let rows = rows_of(&path);
    let mapped: String = rows.iter().map(|row| format!("{}\n", map_saas(row))).collect();
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("saas.ndjson", mapped);
    let args = ["import", "--format", "ndjson", "--json", "saas.ndjson"];
    let total = rows.len() as u64;
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (total, 0, 0));
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (0, total, 0));
    let metadata = count(exported(&sandbox).iter().map(|row| row["metadata"].to_string()));
    assert_eq!(metadata, count(rows.iter().map(|row| row["event"].to_string())));
}
