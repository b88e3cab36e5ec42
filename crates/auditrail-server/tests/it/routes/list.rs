//! `GET /v1/audit-logs`.

use crate::support::client::Answer;
use crate::support::service::{Service, record};

fn targets(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    rows.iter().map(|row| row["target_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_are_linked_to_the_end() {
    let service = Service::start().await;
    service.write((0..7).map(|number| record(number, Some("t1"))).collect()).await;
    for key in ["read", "all-t1"] {
        let mut target_ids = Vec::new();
        let mut path = "/v1/audit-logs?limit=3&metadata.plan=pro&action=project.*".to_owned();
        loop {
            let answer = service.get(&path).key(key).send().await;
            target_ids.extend(targets(&answer));
            let link = answer.header("link");
            assert_eq!(
                link.is_empty(),
                !answer.json()["pagination"]["has_more"].as_bool().unwrap()
            );
            let Some((next, _)) = link.split_once('>') else { break };
            assert!(link.ends_with("; rel=\"next\""));
            path = next[1..].to_owned();
        }
        assert_eq!(target_ids, ["p6", "p5", "p4", "p3", "p2", "p1", "p0"], "{key}");
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
async fn a_restricted_key_sees_its_tenant_only() {
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
