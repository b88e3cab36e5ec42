//! The programs of `docs/import-recipes.md`, on events of several products.

use std::collections::{HashMap, HashSet};

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use crate::import::counts;
use crate::import_samples::{exported, rows_of};
use crate::reading::{assert_read_alike, filter, readings, sample};
use crate::sandbox::{Sandbox, real_data};

/// The program of the page with this name.
fn program(name: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/import-recipes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```jq\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let title = format!("# {name}.jq:");
    blocks.into_iter().find(|block| block.starts_with(&title)).unwrap().to_owned()
}

/// Maps events with a program.
fn mapped(name: &str, events: &str) -> Option<Vec<Value>> {
    let program = program(name);
    filter("jq", &["-c", &program], events)
}

/// Maps events, imports the records, and compares the stored ones with the reading. Returns the stored
/// records by their number.
async fn assert_imported(name: &str, events: &str, rejected: u64) -> Option<HashMap<u64, Value>> {
    let (mut rows, readings) = mapped(name, events).zip(readings(name, events))?;
    assert_eq!((rows.len(), rows.len()), (readings.len(), events.lines().count()));
    let mut input = String::new();
    let mut ids = HashSet::new();
    for (n, row) in rows.iter_mut().enumerate() {
        row["request_id"] = json!(n.to_string());
        // The real events are taken from tests, which reuse ids.
        if row["id"].as_str().is_some_and(|id| !ids.insert(id.to_owned())) {
            row["id"] = Value::Null;
        }
        input.push_str(&format!("{row}\n"));
    }
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("rows.ndjson", input);
    let args = ["import", "--format", "ndjson", "--json", "rows.ndjson"];
    let run = sandbox.run(&args).code(i32::from(rejected > 0));
    let created = rows.len() as u64 - rejected;
    assert_eq!(counts(&run.json()), (created, 0, rejected), "{run:?}");
    assert_eq!(counts(&sandbox.run(&args).json()), (0, created, rejected));
    let mut records = HashMap::new();
    for record in exported(&sandbox) {
        let n: u64 = record["request_id"].as_str().unwrap().parse().unwrap();
        assert_read_alike(&record, &readings[usize::try_from(n).unwrap()]);
        records.insert(n, record);
    }
    Some(records)
}

#[tokio::test]
async fn recipe_keeps_who_when_where_and_id_of_products() {
    let events = sample("events");
    let Some(records) = assert_imported("events", &events, 0).await else {
        return;
    };
    let field = |n: u64, name: &str| records[&n][name].as_str().unwrap_or_default();
    for (n, action, target) in [
        (0, "github.repo.create", "repo:acme/app"),
        (1, "github.org.add_member", "user:carol"),
        (2, "okta.user.session.start", "appinstance:0oa1"),
        (
            4,
            "gcp.google.iam.admin.v1.CreateServiceAccountKey",
            "resource:projects/-/serviceAccounts/1234",
        ),
        (7, "slack.user_login", "user:U1"),
        (10, "gsuite.download", "service:gsuite"),
    ] {
        assert_eq!(field(n, "action"), action);
        assert_eq!(format!("{}:{}", field(n, "target_type"), field(n, "target_id")), target);
    }
    assert_eq!(field(0, "id"), "a56def26-4d3e-840f-f6b1-8c7d41b2e6ee");
    assert_eq!(field(1, "id"), "00000000-0000-0000-0000-000000000000");
    assert_eq!(field(2, "id"), "0a1b2c3d-1111-11ee-8000-000000000001");
    assert_eq!(field(4, "user_agent"), "gcloud/460");
    let wrapped =
        |n: usize| -> Value { serde_json::from_str(events.lines().nth(n).unwrap()).unwrap() };
    assert_eq!(records[&2]["metadata"], wrapped(2));
    assert_eq!(records[&6]["metadata"], wrapped(6)["event"]);
}

#[tokio::test]
async fn recipe_keeps_every_stage_of_kubernetes() {
    let Some(records) = assert_imported("kubernetes", &sample("kubernetes"), 0).await else {
        return;
    };
    let ids: Vec<_> = (0..3).map(|n| records[&n]["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "0a1b2c3d-4e5f-a607-8899-aabbccddeeff",
            "0a1b2c3d-4e5f-b607-8899-aabbccddeeff",
            "0a1b2c3d-4e5f-4607-8899-aabbccddeeff"
        ]
    );
    assert_eq!(records[&0]["action"], "pods/exec.create");
    assert_eq!(records[&0]["target_id"], "prod/web");
    assert_eq!(records[&2]["metadata"]["impersonatedUser"]["username"], "root");
    assert_eq!(records[&3]["action"], "nonresource.get");
    assert_eq!(records[&4]["metadata"]["dropped"], json!(["requestObject"]));
}

#[tokio::test]
async fn real_events_of_products_are_read_alike() {
    let Some(path) = real_data("saas-audit-samples.ndjson.gz") else {
        return;
    };
    let lines: String = rows_of(&path).iter().map(|row| format!("{row}\n")).collect();
    assert_eq!(lines.lines().count(), 1_063);
    // Eight events have a time such as `redacted`.
    assert_imported("events", &lines, 8).await;
}
