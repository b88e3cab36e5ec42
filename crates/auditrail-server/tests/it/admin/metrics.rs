//! `/metrics`, and whether docs/operations.md documents every metric.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use auditrail_core::ProvidedFields;
use auditrail_store::{GroupWriter, WriteRequest, WriterLimits};
use serde_json::json;
use tokio::time::Instant;

use crate::support::client::Call;
use crate::support::service::{Running, Service, record};

/// A parsed scrape.
#[derive(Debug)]
struct Scrape(String);

impl Scrape {
    async fn of(admin: &Running) -> Self {
        let answer = admin.get("/metrics").send().await;
        assert_eq!(answer.status.as_u16(), 200);
        let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.header("content-type"), form);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.ends_with("# EOF\n"));
        Self(text)
    }

    /// The value of the series with this name and label text.
    fn value(&self, series: &str) -> f64 {
        let mut values =
            self.0.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = values.next().unwrap_or_else(|| panic!("no {series} in {}", self.0));
        assert_eq!(values.next(), None, "{series}");
        value.parse().unwrap()
    }

    /// Every metric by its query name, with its type and label names.
    fn metrics(&self) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let mut metrics = BTreeMap::new();
        for line in self.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (family, kind) = line.split_once(' ').unwrap();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let labels = self.labels(family);
            metrics.insert(format!("{family}{suffix}"), (kind.to_owned(), labels));
        }
        metrics
    }

    fn labels(&self, family: &str) -> BTreeSet<String> {
        let suffixes =
            ["", "_total", "_info", "_bucket"].map(|suffix| format!("{family}{suffix}{{"));
        let sets = self.0.lines().filter_map(|line| {
            let labels = suffixes.iter().find_map(|start| line.strip_prefix(start.as_str()))?;
            labels.rsplit_once('}').map(|(labels, _)| labels)
        });
        let names = sets.flat_map(|set| set.split(',')).filter_map(|label| label.split_once('='));
        names.map(|(name, _)| name.to_owned()).filter(|name| name != "le").collect()
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn documented_metrics_equal_exported_metrics() {
    let service = Service::start().await;
    let writer = GroupWriter::start(service.db.service(), WriterLimits::default());
    let admin = Running::admin(&service.app, Some(writer)).await;
    service.get("/v1/audit-logs").key("read").send().await;
    let exported = Scrape::of(&admin).await.metrics();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut described = BTreeMap::new();
    for row in guide.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let [name, kind, labels, _meaning] = cells[..] else { continue };
        let labels = labels.split(", ").map(|label| label.trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        described.insert(name.trim_end_matches('`').to_owned(), (kind.to_owned(), labels));
    }
    if !cfg!(target_os = "linux") {
        described.remove("process_resident_memory_bytes");
    }
    assert_eq!(exported, described);
}

#[tokio::test]
async fn metric_names_follow_prometheus_conventions() {
    let service = Service::start().await;
    let writer = GroupWriter::start(service.db.service(), WriterLimits::default());
    let admin = Running::admin(&service.app, Some(writer)).await;
    for (name, (kind, labels)) in Scrape::of(&admin).await.metrics() {
        let known = ["auditrail_", "process_", "http_server_"];
        assert!(known.iter().any(|prefix| name.starts_with(prefix)), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert!(!name.contains("_milli") && !name.ends_with("_ms"), "{name}");
        for label in labels {
            assert!(!label.contains("tenant") && !label.contains("actor"), "{name} {label}");
        }
    }
}

#[tokio::test]
async fn request_labels_have_bounded_values() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    service.write(vec![record(1, None)]).await;
    for number in [1, 1, 2] {
        let path = format!("/v1/audit-logs/{}?a", uuid::Uuid::from_u128(number));
        service.get(path.trim_end_matches("?a")).key("read").send().await;
    }
    for path in ["/private.example", "/private.example/2", "/v1/private.example"] {
        service.get(path).key("read").send().await;
    }
    Call::new(service.address, "PRIVATE.EXAMPLE", "/v1/audit-logs").key("read").send().await;
    let scrape = Scrape::of(&admin).await;
    let count = |method: &str, route: &str, status: u16| {
        scrape.value(&format!(
            "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",\
             http_route=\"{route}\",http_response_status_code=\"{status}\"}}"
        ))
    };
    assert_eq!(count("GET", "/v1/audit-logs/{id}", 200).to_string(), "2");
    assert_eq!(count("GET", "/v1/audit-logs/{id}", 404).to_string(), "1");
    assert_eq!(count("GET", "unmatched", 404).to_string(), "3");
    assert_eq!(count("_OTHER", "/v1/audit-logs", 405).to_string(), "1");
    assert!(!scrape.0.to_lowercase().contains("private.example"), "{}", scrape.0);
}

#[tokio::test]
async fn auth_failures_are_counted_by_reason() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    let failures = async |reason: &str| {
        let series = format!("auditrail_auth_failures_total{{reason=\"{reason}\"}}");
        Scrape::of(&admin).await.value(&series).to_string()
    };
    for reason in ["no_key", "invalid_key", "wrong_scope", "other_tenant", "keys_unavailable"] {
        assert_eq!(failures(reason).await, "0");
    }
    service.get("/v1/audit-logs").send().await;
    service.get("/v1/audit-logs").key("wrong").send().await;
    service.get("/v1/audit-logs").key("write").send().await;
    service.get("/v1/audit-logs?tenant_id=t2").key("all-t1").send().await;
    service.get("/v1/audit-logs").key("read").send().await;
    service.keys.break_down();
    service.get("/v1/audit-logs").key("read").send().await;
    for reason in ["no_key", "invalid_key", "wrong_scope", "other_tenant", "keys_unavailable"] {
        assert_eq!(failures(reason).await, "1", "{reason}");
    }
}

#[tokio::test]
async fn refused_records_are_counted_by_code() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    let with = |number, name: &str, value: serde_json::Value| {
        let mut body = record(number, None);
        body[name] = value;
        body
    };
    let empty = |number| with(number, "actor_id", "".into());
    let late = |number| with(number, "created_at", "9999-01-01T00:00:00Z".into());
    let (one, batch) = ("/v1/audit-logs", "/v1/audit-logs/batch");
    let skip = "/v1/audit-logs/batch?on_invalid=skip";
    let conflict = with(1, "target_id", "other".into());
    let reserved = with(3, "action", "audit_log.read".into());
    let many: Vec<_> = (100..300).map(empty).collect();
    for (path, key, body, status) in [
        (one, "write", record(1, None), 201),
        (one, "write", record(1, None), 200),
        // One each.
        (one, "write", empty(2), 422),
        (one, "write", late(2), 422),
        (one, "write", conflict.clone(), 409),
        (one, "write", reserved.clone(), 422),
        (one, "write-t1", record(4, Some("t2")), 403),
        // The same in a batch that skips them, and one that is valid.
        (skip, "write", json!([empty(2), late(2), conflict, reserved, record(5, None)]), 200),
        // More than a response lists; the valid record is not refused.
        (batch, "write", json!([many, vec![record(6, None)]].concat()), 422),
        (batch, "write", json!([with(7, "unknown_name", 1.into())]), 422),
        // Requests that are refused for other reasons.
        (one, "read", record(8, None), 403),
        ("/v1/audit-logs?unknown=1", "write", record(8, None), 400),
    ] {
        let answer = service.post(path).key(key).json(&body).send().await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
    service.post(one).key("write").body("application/json", "{").send().await;
    let scrape = Scrape::of(&admin).await;
    let name = "auditrail_records_refused_total";
    let value = |code| scrape.value(&format!("{name}{{code=\"{code}\"}}")).to_string();
    for (code, records) in [
        ("empty", "202"),
        ("in_future", "2"),
        ("id_conflict", "2"),
        ("reserved_action", "2"),
        ("other_tenant", "1"),
        ("unknown_field", "1"),
        ("not_json", "1"),
        ("too_long", "0"),
        ("other", "0"),
    ] {
        assert_eq!(value(code), records, "{code}");
    }
    let series = scrape.0.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(series, 22, "no caller adds a series");
}

#[tokio::test]
async fn exported_rows_are_counted() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    service.write((0..7).map(|number| record(number, None)).collect()).await;
    let path = "/v1/audit-logs/export?format=csv&target_type=project";
    service.get(path).key("export").send().await;
    let scrape = Scrape::of(&admin).await;
    let rows =
        |format| scrape.value(&format!("auditrail_export_rows_total{{format=\"{format}\"}}"));
    assert_eq!((rows("csv").to_string(), rows("ndjson").to_string()), ("7".into(), "0".into()));
}

#[tokio::test]
async fn writer_metrics_count_records_by_outcome() {
    let service = Service::start().await;
    let writer = GroupWriter::start(service.db.service(), WriterLimits::default());
    let admin = Running::admin(&service.app, Some(writer.clone())).await;
    let request = |number: u32, plan: &str| {
        let mut body = record(number, None);
        body["metadata"] = json!({ "plan": plan });
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let id = uuid::Uuid::from_u128(number.into()).to_string().parse().unwrap();
        let input =
            auditrail_core::CreateInput::from_json(body.to_string().as_bytes(), now).unwrap();
        WriteRequest::one(
            input.into_record(id, "2026-06-01T00:00:00Z".parse().unwrap()),
            ProvidedFields::ALL,
        )
    };
    writer.write(request(1, "pro"), soon()).await.unwrap();
    writer.write(request(2, "pro"), soon()).await.unwrap();
    writer.write(request(1, "pro"), soon()).await.unwrap();
    writer.write(request(1, "free"), soon()).await.unwrap_err();
    let scrape = Scrape::of(&admin).await;
    for (result, records) in [("created", "2"), ("duplicate", "1"), ("conflict", "1")] {
        let series = format!("auditrail_writer_records_total{{result=\"{result}\"}}");
        assert_eq!(scrape.value(&series).to_string(), records, "{result}");
    }
    let commits = scrape.value("auditrail_writer_commits_total");
    let seconds = "auditrail_writer_commit_duration_seconds";
    assert_eq!(scrape.value(&format!("{seconds}_count")).to_bits(), commits.to_bits());
    assert_eq!(
        scrape.value(&format!("{seconds}_bucket{{le=\"+Inf\"}}")).to_bits(),
        commits.to_bits()
    );
    assert_eq!(scrape.value("auditrail_writer_up").to_string(), "1");
    assert_eq!(scrape.value("auditrail_writer_queue_records").to_string(), "0");
    assert_eq!(scrape.value("auditrail_writer_commit_records_sum").to_string(), "4");
}

#[tokio::test]
async fn process_and_pool_metrics_are_exported() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    let scrape = Scrape::of(&admin).await;
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("auditrail_build_info{{version=\"{version}\"}}");
    assert_eq!(scrape.value(&build).to_string(), "1");
    assert!(scrape.value("process_start_time_seconds") > 1.7e9);
    if cfg!(target_os = "linux") {
        assert!(scrape.value("process_resident_memory_bytes") > 1e6);
    }
    let state =
        |state| scrape.value(&format!("auditrail_db_pool_connections{{state=\"{state}\"}}"));
    assert!(state("idle") + state("used") >= 1.0);
    assert!(state("idle") + state("used") <= scrape.value("auditrail_db_pool_connections_max"));
}
