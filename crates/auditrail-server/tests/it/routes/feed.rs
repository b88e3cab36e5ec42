//! `GET /v1/audit-logs/feed`.

use std::time::Duration;

use auditrail_core::Scope;
use auditrail_server::ServerConfig;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::client::Answer;
use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::service::{Service, record};

/// Writes records and gives them their seq.
pub(super) async fn write(service: &Service, numbers: std::ops::Range<u32>, tenant: Option<&str>) {
    service.write(numbers.map(|number| record(number, tenant)).collect()).await;
    service.db.sequence().await;
}

fn seqs(answer: &Answer) -> Vec<i64> {
    let json = answer.json();
    json["data"].as_array().unwrap().iter().map(|item| item["seq"].as_i64().unwrap()).collect()
}

async fn feed(service: &Service, query: &str, key: &str) -> Answer {
    service.get(&format!("/v1/audit-logs/feed{query}")).key(key).send().await
}

#[tokio::test]
async fn pages_continue_at_the_position() {
    let service = Service::start().await;
    write(&service, 0..5, None).await;
    let first = feed(&service, "?limit=3", "read").await;
    assert_eq!((first.status.as_u16(), seqs(&first)), (200, vec![0, 1, 2]));
    let document = first.json();
    assert_eq!(document["data"][2]["target_id"], "p2");
    assert_eq!((&document["has_more"], &document["filtered"]), (&true.into(), &false.into()));
    let position = &document["position"];
    let next = format!("?after={}&after_id={}", position["seq"], position["id"].as_str().unwrap());
    let second = feed(&service, &next, "read").await;
    assert_eq!((seqs(&second), &second.json()["has_more"]), (vec![3, 4], &false.into()));
    assert_eq!(seqs(&feed(&service, "?after=-1&limit=1", "read").await), [0]);
    let head = feed(&service, "?after=head", "read").await;
    assert_eq!(seqs(&head), Vec::<i64>::new());
    assert_eq!(head.json()["position"], second.json()["position"]);
}

#[tokio::test]
async fn an_unknown_position_is_410() {
    let service = Service::start().await;
    write(&service, 0..5, None).await;
    let other = "?after=2&after_id=00000000-0000-0000-0000-000000000009";
    for query in ["?after=5", other] {
        let answer = feed(&service, query, "read").await;
        assert_eq!(answer.problem(), (410, "position_unknown".to_owned()));
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("continue from an earlier position"), "{detail}");
    }
    assert_eq!(feed(&service, "?after=4", "read").await.status, 200);
}

#[tokio::test]
async fn parameters_are_checked() {
    let service = Service::start().await;
    for (query, pointer, code) in [
        ("?after=-2", "after", "bad_format"),
        ("?after=1.5", "after", "bad_format"),
        ("?after=9223372036854775808", "after", "bad_format"),
        ("?after=1&after_id=x", "after_id", "bad_format"),
        ("?after_id=00000000-0000-0000-0000-000000000009", "after_id", "conflict"),
        ("?limit=0", "limit", "out_of_range"),
        ("?limit=1001", "limit", "out_of_range"),
        ("?wait=31", "wait", "out_of_range"),
        ("?cursor=x", "cursor", "unknown_field"),
    ] {
        let answer = feed(&service, query, "read").await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.errors(), [(pointer.to_owned(), code.to_owned())], "{query}");
    }
    assert_eq!(feed(&service, "", "write").await.problem().1, "wrong_scope");
    assert_eq!(feed(&service, "?tenant_id=t2", "all-t1").await.problem().1, "other_tenant");
}

#[tokio::test]
async fn filters_leave_gaps_and_the_answer_says_so() {
    let service = Service::start().await;
    write(&service, 0..6, None).await;
    let answer = feed(&service, "?action=project.created&actor_id=u0", "read").await;
    assert_eq!(seqs(&answer), [0]);
    let document = answer.json();
    assert_eq!((&document["filtered"], &document["has_more"]), (&true.into(), &false.into()));
    assert_eq!(document["position"]["seq"], 5);
}

#[tokio::test]
async fn a_tenant_gets_its_records_and_no_id_of_others() {
    let service = Service::start().await;
    for number in 0..9 {
        let tenant = if number % 3 == 0 { "t1" } else { "t2" };
        write(&service, number..number + 1, Some(tenant)).await;
    }
    let answer = feed(&service, "", "all-t1").await;
    assert_eq!(seqs(&answer), [0, 3, 6]);
    let document = answer.json();
    assert_eq!((&document["filtered"], &document["position"]["seq"]), (&true.into(), &8.into()));
    let id = document["position"]["id"].as_str().unwrap().to_owned();
    for number in 0..9 {
        assert_ne!(record(number, None)["id"], id.as_str());
    }
    // The digest is a position nevertheless, and so is the id of a record of the tenant.
    let next = format!("?after=8&after_id={id}");
    assert_eq!(feed(&service, &next, "all-t1").await.status, 200);
    let own = format!("?after=3&after_id={}", record(3, None)["id"].as_str().unwrap());
    assert_eq!(seqs(&feed(&service, &own, "all-t1").await), [6]);
    let wrong = format!("?after=7&after_id={id}");
    assert_eq!(feed(&service, &wrong, "all-t1").await.problem().1, "position_unknown");
}

#[tokio::test]
async fn wait_returns_when_a_matching_record_is_there() {
    let service = Service::start().await;
    write(&service, 0..2, None).await;
    let waiting = service
        .get("/v1/audit-logs/feed?after=1&wait=30&action=project.deleted")
        .key("read")
        .send();
    let writing = async {
        write(&service, 2..3, None).await;
        write(&service, 3..4, None).await;
    };
    let started = Instant::now();
    let (answer, ()) = tokio::join!(waiting, writing);
    assert_eq!(seqs(&answer), [3]);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn wait_ends_at_its_end_with_the_position() {
    let service = Service::start().await;
    write(&service, 0..2, None).await;
    let started = Instant::now();
    let answer = feed(&service, "?after=1&wait=1", "read").await;
    assert_eq!((seqs(&answer), &answer.json()["position"]["seq"]), (vec![], &1.into()));
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn waiting_requests_end_when_the_shutdown_begins() {
    let service = Service::start().await;
    write(&service, 0..2, None).await;
    let started = Instant::now();
    let waiting = feed(&service, "?after=1&wait=30", "read");
    let stopping = async {
        auditrail_testkit::eventually("the request waits", async || service.tails().await == 1)
            .await;
        service.app.shutting_down().begin();
    };
    let (answer, ()) = tokio::join!(waiting, stopping);
    assert_eq!((answer.status.as_u16(), seqs(&answer)), (200, vec![]));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_key_that_is_revoked_gets_nothing_more() {
    let service = ServiceWithDbKeys::start().await;
    let issued = service.key(&[Scope::Read], None).await;
    let token = issued.secret.expose().to_owned();
    assert_eq!(service.get("/v1/audit-logs/feed", &token).await.status, 200);
    service.db.as_owner("update control_plane.audit_api_keys set revoked_at = now()").await;
    assert_eq!(service.get("/v1/audit-logs/feed", &token).await.problem().1, "invalid_key");
}

#[tokio::test]
async fn the_same_read_is_recorded_once() {
    let config = ServerConfig { record_reads: true, ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let read = async |query: &str| {
        let answer = feed(&service, query, "read").await;
        service.db.sequence().await;
        answer
    };
    for _ in 0..3 {
        read("?after=-1").await;
    }
    read("?actor_id=u1").await;
    let records = read("").await.json();
    let calls: Vec<&Value> =
        records["data"].as_array().unwrap().iter().map(|item| &item["metadata"]).collect();
    let expected = [
        json!({"call": "feed", "filters": {}}),
        json!({"call": "feed", "filters": {"actor_id": "u1"}}),
    ];
    assert_eq!(calls, expected.iter().collect::<Vec<_>>());
}
