//! A backlog of 100,000 records while the audit log is unreachable.

use std::time::Duration;

use auditrail_client::{Client, Recorder, RecorderConfig, Stats};
use auditrail_tower::{AuditLayer, Policy};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

const REQUESTS: u64 = 100_000;
const CALLERS: u64 = 250;
/// A key of valid form; it is never verified.
const KEY: &str = "adt_test_0123456789abcdefghijklmnopqrst_000000";
/// The queue is limited to 16 MiB of records; the rest is the cache of the spool, writes in flight, and the
/// requests themselves. The records alone would take 60 MiB.
const MEMORY_MAX_KIB: u64 = 48 * 1024;

const POLICY: &str = r#"
version = 1
failure = "FAILURE"

[[rule]]
methods = ["POST"]
route = "/projects/{id}"
action = "project.updated"
target_type = "project"
target_id = { path = "id" }
"#;

/// The current or the peak memory of this process, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sends all requests, concurrently per caller. Every one must succeed.
async fn send(app: &Router) {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let app = app.clone();
        callers.spawn(async move {
            for number in 0..REQUESTS / CALLERS {
                let request = Request::post(format!("/projects/p{caller}-{number}"));
                let response =
                    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
                assert_eq!(response.status(), StatusCode::NO_CONTENT);
            }
        });
    }
    while let Some(result) = callers.join_next().await {
        result.unwrap();
    }
}

/// Sends the requests to an application whose audit log is unreachable. Returns the statistics, and the growth
/// of memory in KiB.
async fn send_without_audit_log(failure: &str, config: RecorderConfig) -> (Stats, u64) {
    // Bound but not listening, so that no other process can use the address.
    let unreachable = TcpSocket::new_v4().unwrap();
    unreachable.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", unreachable.local_addr().unwrap());
    let client = Client::builder(&url).key(KEY).build().unwrap();
    let recorder = Recorder::open(client, config).await.unwrap();
    let policy = Policy::parse(&POLICY.replace("FAILURE", failure), "backlog.toml").unwrap();
    let app = Router::new()
        .route("/projects/{id}", post(async || StatusCode::NO_CONTENT))
        .layer(AuditLayer::new(policy, recorder.clone()).unwrap());
    let before = memory("VmRSS:");
    send(&app).await;
    let grown = memory("VmHWM:").saturating_sub(before);
    let stats = recorder.stats();
    recorder.close(Duration::ZERO).await;
    (stats, grown)
}

#[tokio::test(flavor = "multi_thread")]
async fn spooled_records_are_on_disk_and_memory_is_bounded() {
    let spool = tempfile::tempdir().unwrap();
    let (stats, grown) =
        send_without_audit_log("spool", RecorderConfig::new().spool(spool.path())).await;
    assert_eq!((stats.accepted, stats.spooled), (REQUESTS, REQUESTS), "{stats:?}");
    assert_eq!((stats.pending, stats.dropped_total()), (REQUESTS, 0), "{stats:?}");
    assert!(stats.queued_records <= CALLERS, "{stats:?}");
    assert!(grown < MEMORY_MAX_KIB, "{grown} KiB more");
}

#[tokio::test(flavor = "multi_thread")]
async fn best_effort_backlog_is_bounded_and_losses_counted() {
    let (stats, grown) = send_without_audit_log("best_effort", RecorderConfig::new()).await;
    assert_eq!(stats.accepted, REQUESTS, "{stats:?}");
    assert!(stats.queued_records <= 10_000 && stats.pending <= 10_000, "{stats:?}");
    assert_eq!(stats.dropped_total() + stats.pending, REQUESTS, "{stats:?}");
    assert!(grown < MEMORY_MAX_KIB, "{grown} KiB more");
}
