//! `GET /v1/audit-logs/stats`.

use serde_json::Value;

use crate::support::service::{Service, record};

#[tokio::test]
async fn counts_are_by_time_actor_action_and_target() {
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
