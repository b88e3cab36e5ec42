//! Searching, getting and counting.

use serde_json::Value;

use crate::client::Answer;
use crate::service::{Service, record};

fn targets(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    rows.iter().map(|row| row["target_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let service = Service::start().await;
    service.write((0..7).map(|number| record(number, Some("t1"))).collect()).await;
    for key in ["read", "all-t1"] {
        let mut found = Vec::new();
        let mut path = "/v1/audit-logs?limit=3&metadata.plan=pro&action=project.*".to_owned();
        loop {
            let answer = service.get(&path).key(key).send().await;
            found.extend(targets(&answer));
            let link = answer.header("link");
            assert_eq!(
                link.is_empty(),
                !answer.json()["pagination"]["has_more"].as_bool().unwrap()
            );
            let Some((next, _)) = link.split_once('>') else { break };
            assert!(link.ends_with("; rel=\"next\""));
            path = next[1..].to_owned();
        }
        assert_eq!(found, ["p6", "p5", "p4", "p3", "p2", "p1", "p0"], "{key}");
    }
}

#[tokio::test]
async fn a_cursor_is_bound_to_its_filters_and_its_tenant() {
    let service = Service::start().await;
    let both = (0..8).map(|number| record(number, Some(["t1", "t2"][number as usize % 2])));
    service.write(both.collect()).await;
    let first = service.get("/v1/audit-logs?limit=1").key("all-t1").send().await;
    let cursor = first.json()["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    let next = format!("/v1/audit-logs?limit=1&cursor={cursor}");
    assert_eq!(targets(&service.get(&next).key("all-t1").send().await), ["p4"]);
    for (key, path) in [("all-t2", next.clone()), ("all-t1", next + "&actor_type=user")] {
        let answer = service.get(&path).key(key).send().await;
        assert_eq!(answer.errors(), [("cursor".to_owned(), "invalid_cursor".to_owned())]);
    }
}

#[tokio::test]
async fn a_bound_key_sees_its_tenant_alone_whatever_it_asks() {
    let service = Service::start().await;
    service.write(vec![record(1, Some("t1")), record(2, Some("t2")), record(3, None)]).await;
    let get = |path: &str| service.get(path).key("all-t1").send();
    assert_eq!(targets(&get("/v1/audit-logs?count=exact").await), ["p1"]);
    assert_eq!(get("/v1/audit-logs?count=exact").await.json()["pagination"]["total"], 1);
    assert_eq!(targets(&get("/v1/audit-logs?tenant_id=t1").await), ["p1"]);
    assert_eq!(get("/v1/audit-logs/stats").await.json()["total"], 1);
    for path in ["/v1/audit-logs?tenant_id=t2", "/v1/audit-logs/stats?tenant_id=t2"] {
        assert_eq!(get(path).await.problem(), (403, "other_tenant".to_owned()));
    }
    let twice = get("/v1/audit-logs?tenant_id=t1&tenant_id=t2").await;
    assert_eq!(twice.errors(), [("tenant_id".to_owned(), "duplicate_field".to_owned())]);
    for (number, status) in [(1, 200), (2, 404), (3, 404)] {
        let id = record(number, None)["id"].as_str().unwrap().to_owned();
        assert_eq!(get(&format!("/v1/audit-logs/{id}")).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_record_has_a_tag_that_spares_sending_it_again() {
    let service = Service::start().await;
    service.write(vec![record(1, None)]).await;
    let path = "/v1/audit-logs/00000000-0000-0000-0000-000000000001";
    let full = service.get(path).key("read").header("accept-encoding", "gzip").send().await;
    assert_eq!(full.json()["target_id"], "p1");
    assert_eq!(full.header("cache-control"), "private, no-cache");
    let tag = full.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() == 34);
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = service.get(path).key("read").header("if-none-match", &known).send().await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known}");
        assert_eq!(again.header("etag"), tag);
    }
    let other = service.get(path).key("read").header("if-none-match", "\"x\"").send().await;
    assert_eq!(other.status.as_u16(), 200);
}

#[tokio::test]
async fn what_is_no_id_or_not_there_is_not_found() {
    let service = Service::start().await;
    for id in ["x", "00000000-0000-0000-0000-000000000009", "%00", "1%2f2"] {
        let answer = service.get(&format!("/v1/audit-logs/{id}")).key("read").send().await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{id}");
    }
}

#[tokio::test]
async fn counts_spread_by_time_actor_action_and_target() {
    let service = Service::start().await;
    service.write((0..6).map(|number| record(number, None)).collect()).await;
    let get = async |path: &str| service.get(path).key("read").send().await;
    let stats = get("/v1/audit-logs/stats?actor_id=u0&interval=day").await.json();
    assert_eq!((&stats["total"], &stats["interval"]), (&2.into(), &"day".into()));
    assert_eq!((&stats["truncated"], &stats["since"]), (&false.into(), &Value::Null));
    let day = serde_json::json!([{"start": "2026-01-02T00:00:00.000000Z", "count": 2}]);
    assert_eq!(stats["buckets"], day);
    let wrong = get("/v1/audit-logs/stats?interval=week").await;
    assert_eq!(wrong.errors(), [("interval".to_owned(), "unknown_value".to_owned())]);
    assert_eq!(stats["actors"][0]["actor_id"], "u0");
    let count = |action: &str| serde_json::json!({"action": action, "count": 1});
    let actions = [count("project.created"), count("project.deleted")];
    assert_eq!(stats["actions"], Value::from(actions.to_vec()));
    let target =
        |id: &str| serde_json::json!({"target_type": "project", "target_id": id, "count": 1});
    assert_eq!(stats["targets"], Value::from(vec![target("p0"), target("p3")]));
}

#[tokio::test]
async fn reads_leave_a_record_when_that_is_wanted() {
    let config = auditrail_server::ServerConfig { record_reads: true, ..Default::default() };
    let service = Service::start_with(config).await;
    service.write(vec![record(1, Some("t1"))]).await;
    let one = "/v1/audit-logs/00000000-0000-0000-0000-000000000001";
    for path in ["/v1/audit-logs?actor_id=u1", "/v1/audit-logs/stats?tenant_id=t1", one] {
        let call = service.get(path).key("read").header("x-forwarded-for", "203.0.113.9");
        let answer = call.header("user-agent", "curl/8").header("x-request-id", "r1").send().await;
        assert_eq!(answer.status.as_u16(), 200);
    }
    let path = "/v1/audit-logs?action=audit_log.read&actor_type=api_key&actor_id=key-read";
    let left = service.get(path).key("read").send().await.json();
    let left = left["data"].as_array().unwrap();
    // The read that asks is there too.
    assert_eq!(left.len(), 4);
    let tenants: Vec<_> = left.iter().map(|row| row["tenant_id"].as_str()).collect();
    assert_eq!(tenants, [None, Some("t1"), Some("t1"), None]);
    let first = &left[3];
    assert_eq!(first["metadata"]["filters"]["actor_id"], "u1");
    assert_eq!(first["ip_address"], "127.0.0.1");
    assert_eq!((&first["user_agent"], &first["request_id"]), (&"curl/8".into(), &"r1".into()));
    assert_eq!((&first["target_type"], &first["target_id"]), (&"audit_log".into(), &"all".into()));
}
