//! `GET /v1/audit-logs/tail`.

use std::time::Duration;

use auditrail_core::Scope;
use auditrail_server::ServerConfig;
use serde_json::json;
use tokio::time::Instant;

use super::feed::write;
use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::events::Events;
use crate::support::service::{Service, record};

#[tokio::test]
async fn a_tail_starts_at_the_head() {
    let service = Service::start().await;
    write(&service, 0..3, None).await;
    let mut events = Events::open(service.address, "", "read").await;
    let headers = &events.headers;
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(headers.get("content-encoding").is_none());
    let start = events.next().await.unwrap();
    assert_eq!((start.name.as_str(), start.id), ("position", Some(2)));
    assert_eq!(start.data, json!({"seq": 2, "id": record(2, None)["id"]}));
    write(&service, 3..5, None).await;
    let event = events.named("record").await;
    assert_eq!((event.id, &event.data["seq"]), (Some(3), &3.into()));
    assert_eq!(event.data["target_id"], "p3");
    assert_eq!(events.seqs(1).await, [4]);
}

#[tokio::test]
async fn a_tail_continues_after_a_position() {
    let service = Service::start().await;
    write(&service, 0..600, None).await;
    let mut events = Events::open(service.address, "?after=9", "read").await;
    assert_eq!(events.seqs(590).await, (10..600).collect::<Vec<_>>());
    write(&service, 600..603, None).await;
    assert_eq!(events.seqs(3).await, [600, 601, 602]);
    drop(events);
    let mut events = Events::open_after(service.address, "?after=5", "read", Some(598)).await;
    assert_eq!(events.seqs(4).await, [599, 600, 601, 602]);
    let error = Events::try_open(service.address, "?after=603", "read", None).await;
    assert_eq!(error.err().unwrap().problem().1, "position_unknown");
    let id = record(9, None)["id"].as_str().unwrap().to_owned();
    let query = format!("?after=8&after_id={id}");
    let error = Events::try_open(service.address, &query, "read", None).await;
    assert_eq!(error.err().unwrap().problem().1, "position_unknown");
}

#[tokio::test]
async fn filters_apply_to_old_and_new_records() {
    let service = Service::start().await;
    write(&service, 0..6, None).await;
    let query = "?after=-1&action=project.deleted&metadata.plan=pro";
    let mut events = Events::open(service.address, query, "read").await;
    assert_eq!(events.seqs(3).await, [1, 3, 5]);
    write(&service, 6..10, None).await;
    assert_eq!(events.seqs(2).await, [7, 9]);
}

#[tokio::test]
async fn a_tenant_gets_only_its_records() {
    let service = Service::start().await;
    write(&service, 0..1, Some("t2")).await;
    let mut events = Events::open(service.address, "", "all-t1").await;
    let start = events.next().await.unwrap();
    assert_eq!(start.id, Some(0));
    assert_ne!(start.data["id"], record(0, None)["id"]);
    write(&service, 1..3, Some("t2")).await;
    write(&service, 3..4, Some("t1")).await;
    assert_eq!(events.seqs(1).await, [3]);
    let error = Events::try_open(service.address, "?tenant=t2", "all-t1", None).await;
    assert_eq!(error.err().unwrap().problem().1, "other_tenant");
}

#[tokio::test]
async fn a_tail_ends_at_shutdown_with_its_position() {
    let service = Service::start().await;
    write(&service, 0..3, None).await;
    let mut events = Events::open(service.address, "?after=0", "read").await;
    assert_eq!(events.seqs(2).await, [1, 2]);
    service.app.shutting_down().begin();
    let started = Instant::now();
    let end = events.named("end").await;
    assert_eq!((end.id, end.data["reason"].as_str()), (Some(2), Some("shutdown")));
    assert_eq!(end.data["position"], json!({"seq": 2, "id": record(2, None)["id"]}));
    assert!(events.next().await.is_none());
    assert!(started.elapsed() < Duration::from_secs(1));
    let refused = Events::try_open(service.address, "", "read", None).await;
    assert_eq!(refused.err().unwrap().problem().1, "shutting_down");
}

#[tokio::test]
async fn a_revoked_key_ends_its_tails() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    let mut events = Events::open(service.running.address, "", &token).await;
    service.db.as_owner("update control_plane.audit_api_keys set revoked_at = now()").await;
    let started = Instant::now();
    assert_eq!(events.named("end").await.data["reason"], "invalid_key");
    assert!(events.next().await.is_none());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn tails_are_limited() {
    let config = ServerConfig { tails_max: 4, ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let address = service.address;
    let mut open = Vec::new();
    for key in ["read", "read", "all", "all"] {
        open.push(Events::open(address, "", key).await);
    }
    let refused = Events::try_open(address, "", "read", None).await.err().unwrap();
    assert_eq!(refused.problem(), (429, "too_many_tails".to_owned()));
    assert!(refused.headers.contains_key("retry-after"));
    let refused = Events::try_open(address, "", "all-t1", None).await.err().unwrap();
    assert_eq!(refused.problem(), (503, "too_many_tails".to_owned()));
    let waiting = service.get("/v1/audit-logs/feed?wait=5").key("all-t1").send().await;
    assert_eq!(waiting.problem().1, "too_many_tails");
    // A client that is gone frees its place.
    drop(open);
    auditrail_testkit::eventually("a tail can be opened", async || {
        Events::try_open(address, "", "all-t1", None).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_database_with_another_history_ends_tails() {
    let service = Service::start().await;
    write(&service, 0..3, None).await;
    let mut events = Events::open(service.address, "", "read").await;
    assert_eq!(events.next().await.unwrap().id, Some(2));
    let lose = "alter table control_plane.audit_log_entries disable trigger all;
                delete from control_plane.audit_log_entries";
    service.db.as_owner(lose).await;
    let end = events.named("end").await;
    assert_eq!(end.data["reason"], "position_unknown");
    let error = Events::try_open(service.address, "?after=2", "read", None).await;
    assert_eq!(error.err().unwrap().problem().1, "position_unknown");
}
