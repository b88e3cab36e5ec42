//! The committed OpenAPI document, compared with the routes and with what they send.

use std::collections::BTreeSet;
use std::path::Path;

use auditrail_core::Filters;
use auditrail_server::openapi;
use serde_json::Value;

use crate::support::service::{Service, record};

#[test]
fn the_committed_openapi_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let mut now = serde_json::to_string_pretty(&openapi()).unwrap();
    now.push('\n');
    if std::env::var_os("AUDITRAIL_BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "openapi.json has drifted; run the tests with AUDITRAIL_BLESS=1");
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let service = Service::start().await;
    let served = service.get("/openapi.json").key("read").send().await;
    assert_eq!(served.json()["openapi"], "3.1.0");
    assert_eq!(served.json(), serde_json::to_value(openapi()).unwrap());
    let rejected = service.get("/openapi.json?a=1").key("read").send().await;
    assert_eq!(rejected.errors(), [("a".to_owned(), "unknown_field".to_owned())]);
}

/// Generated clients use them as method names.
#[test]
fn operation_ids_are_unique() {
    let api = serde_json::to_value(openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let calls = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let names: Vec<_> = calls.map(|call| call["operationId"].as_str().unwrap()).collect();
    assert!(names.len() > 8);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[test]
fn every_filter_is_documented() {
    let api = serde_json::to_value(openapi()).unwrap();
    let paging = ["limit", "order", "cursor", "offset", "around", "count"];
    let calls = [
        ("", &paging[..]),
        ("/stats", &["interval"]),
        ("/histogram", &["bars"]),
        ("/facets", &["fields"]),
        ("/export", &["format", "bom"]),
    ];
    for (path, extra) in calls {
        let path = format!("/v1/audit-logs{path}");
        let params = api["paths"][&path]["get"]["parameters"].as_array().unwrap();
        let described: BTreeSet<_> = params.iter().map(|p| p["name"].as_str().unwrap()).collect();
        let others = Filters::OTHER_NAMES.map(|(other, _)| other);
        let known: BTreeSet<_> = Filters::NAMES
            .iter()
            .chain(&others)
            .chain(&["metadata"])
            .chain(extra)
            .copied()
            .collect();
        assert_eq!(described, known, "{path}");
    }
}

#[tokio::test]
async fn responses_match_their_schemas() {
    let service = Service::start().await;
    service.write((1..4).map(|number| record(number, None)).collect()).await;
    let get = async |path: &str| {
        service.get(&format!("/v1/audit-logs{path}")).key("read").send().await.json()
    };
    // With a page before and one after it.
    let page = get("?limit=1&offset=1&count=exact").await;
    let stats = get("/stats").await;
    let histogram = get("/histogram").await;
    let facets = get("/facets").await;
    let values = get("/values?field=action").await;
    let mut bad = record(4, None);
    bad["actor_id"] = "".into();
    let batch = service.post("/v1/audit-logs/batch?on_invalid=skip&return=full").key("write");
    let batch = batch.json(&serde_json::json!([bad])).send().await.json();
    let problem = service.get("/v1/audit-logs?limit=x").key("read").send().await.json();
    for (schema, sent) in [
        ("Page", &page),
        ("Pagination", &page["pagination"]),
        ("Record", &page["data"][0]),
        ("Stats", &stats),
        ("Bucket", &stats["buckets"][0]),
        ("ActorStats", &stats["actors"][0]),
        ("ActionStats", &stats["actions"][0]),
        ("TargetStats", &stats["targets"][0]),
        ("Histogram", &histogram),
        ("HistogramBucket", &histogram["buckets"][0]),
        ("Facets", &facets),
        ("FacetValues", &facets["facets"][0]),
        ("FacetValue", &facets["facets"][0]["values"][0]),
        ("Values", &values),
        ("BatchAnswer", &batch),
        ("BatchError", &batch["errors"][0]),
        ("Problem", &problem),
        ("FieldError", &problem["errors"][0]),
    ] {
        let properties = &described(schema)["properties"];
        let mut expected = names(properties);
        // Only in a page of a search whose time was over.
        expected.remove("searched_back_to");
        assert_eq!(names(sent), expected, "{schema}");
        for (name, value) in sent.as_object().unwrap() {
            assert!(fits(&properties[name], value), "{schema}.{name}: {properties}");
        }
    }
}

#[tokio::test]
async fn create_input_matches_its_schema() {
    let mut fields = names(&described("CreateInput")["properties"]);
    // The writer is set by the service.
    assert!(fields.insert("recorded_by".to_owned()));
    assert_eq!(fields, names(&described("Record")["properties"]));
    let required: BTreeSet<_> = described("CreateInput")["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| format!("/{}", name.as_str().unwrap()))
        .collect();
    let service = Service::start().await;
    let empty = service.post("/v1/audit-logs").key("write").json(&serde_json::json!({}));
    let missing = empty.send().await.errors();
    assert_eq!(required, missing.into_iter().map(|(pointer, _)| pointer).collect());
}

/// Whether a value has the JSON type of its description.
pub(crate) fn fits(schema: &Value, value: &Value) -> bool {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match (&schema["type"], &schema["$ref"]) {
        (Value::String(only), _) => only == kind,
        (Value::Array(several), _) => several.iter().any(|one| one == kind),
        (_, Value::String(_)) => value.is_object(),
        _ => false,
    }
}

pub(crate) fn described(schema: &str) -> Value {
    let api = serde_json::to_value(openapi()).unwrap();
    api["components"]["schemas"][schema].clone()
}

pub(crate) fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}
