//! `GET /v1/audit-logs`.

use serde_json::Value;

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
    assert_eq!(targets(&get("/v1/audit-logs?tenant=t1").await), ["p1"]);
    let other = get("/v1/audit-logs/stats?tenant=t2").await;
    assert_eq!(other.problem(), (403, "other_tenant".to_owned()));
    for name in ["tenant_id", "tenant"] {
        let twice = get(&format!("/v1/audit-logs?tenant_id=t1&{name}=t2")).await;
        assert_eq!(twice.errors(), [(name.to_owned(), "duplicate_field".to_owned())]);
    }
    for (number, status) in [(1, 200), (2, 404), (3, 404)] {
        let id = record(number, None)["id"].as_str().unwrap().to_owned();
        assert_eq!(get(&format!("/v1/audit-logs/{id}")).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn pages_lead_back_in_both_orders() {
    let service = Service::start().await;
    service.write((0..8).map(|number| record(number, Some("t1"))).collect()).await;
    let get = async |query: &str| {
        service.get(&format!("/v1/audit-logs?limit=3&{query}")).key("all-t1").send().await
    };
    let cursor = |answer: &Answer, name: &str| {
        answer.json()["pagination"][name].as_str().map(ToOwned::to_owned)
    };
    for (order, expected) in
        [("desc", ["p7 p6 p5", "p4 p3 p2", "p1 p0"]), ("asc", ["p0 p1 p2", "p3 p4 p5", "p6 p7"])]
    {
        let mut answer = get(&format!("order={order}")).await;
        assert_eq!(cursor(&answer, "prev_cursor"), None);
        for page in &expected[1..] {
            let next = cursor(&answer, "next_cursor").unwrap();
            // The link has the order too.
            assert!(answer.header("link").contains("order=asc") == (order == "asc"));
            answer = get(&format!("order={order}&cursor={next}")).await;
            assert_eq!(targets(&answer).join(" "), *page);
        }
        assert_eq!(cursor(&answer, "next_cursor"), None);
        for page in expected[..2].iter().rev() {
            let previous = cursor(&answer, "prev_cursor").unwrap();
            answer = get(&format!("order={order}&cursor={previous}")).await;
            assert_eq!(targets(&answer).join(" "), *page);
        }
        assert_eq!(cursor(&answer, "prev_cursor"), None);
        let next = cursor(&answer, "next_cursor").unwrap();
        let other = if order == "asc" { "desc" } else { "asc" };
        let refused = get(&format!("order={other}&cursor={next}")).await;
        assert_eq!(refused.errors(), [("cursor".to_owned(), "invalid_cursor".to_owned())]);
    }
}

#[tokio::test]
async fn a_page_around_a_record_needs_a_match() {
    let service = Service::start().await;
    service.write((0..8).map(|number| record(number, Some("t1"))).collect()).await;
    let id = record(4, None)["id"].as_str().unwrap().to_owned();
    let get = async |key: &str, query: &str| {
        service.get(&format!("/v1/audit-logs?{query}")).key(key).send().await
    };
    let answer = get("all-t1", &format!("limit=5&around={id}")).await;
    assert_eq!(targets(&answer), ["p6", "p5", "p4", "p3", "p2"]);
    let pagination = answer.json()["pagination"].clone();
    assert_eq!((&pagination["offset"], &pagination["has_more"]), (&Value::Null, &true.into()));
    let previous = pagination["prev_cursor"].as_str().unwrap();
    assert_eq!(targets(&get("all-t1", &format!("limit=5&cursor={previous}")).await), ["p7"]);
    let answer = get("all", &format!("limit=1&order=asc&around={id}")).await;
    assert_eq!(targets(&answer), ["p4"]);
    for (key, query) in [
        ("all-t1", "around=00000000-0000-0000-0000-00000000abcd".to_owned()),
        ("all-t1", format!("around={id}&actor_id=unknown")),
        ("all-t2", format!("around={id}")),
        ("all", format!("around={id}&tenant_id=t2")),
    ] {
        let missing = get(key, &query).await;
        assert_eq!(missing.problem(), (404, "not_found".to_owned()), "{key} {query}");
    }
    let both = get("all", &format!("around={id}&offset=3")).await;
    assert_eq!(both.errors(), [("around".to_owned(), "conflict".to_owned())]);
}

#[tokio::test]
async fn filters_have_the_names_of_the_command_line() {
    let service = Service::start().await;
    service.write((0..6).map(|number| record(number, None)).collect()).await;
    let get = async |query: &str| {
        targets(&service.get(&format!("/v1/audit-logs?{query}")).key("read").send().await)
    };
    let all = ["p5", "p4", "p3", "p2", "p1", "p0"];
    assert_eq!(get("actor=user:u0").await, ["p3", "p0"]);
    assert_eq!(get("target=project:p1").await, ["p1"]);
    assert_eq!(get("metadata%5Bplan%5D=pro").await, all);
    assert_eq!(get("since=2026-01-01&until=2026-01-03").await, all);
    // In a query string a plus sign is a blank.
    assert_eq!(get("since=2026-01-01T00:00:00+02:00").await, all);
    assert_eq!(get("since=2026-01-01T00:00:00%2B02:00").await, all);
    assert_eq!(get("until=2026-01-01T23:00:00-02:00").await, Vec::<String>::new());
    assert_eq!(get("until=1h").await, all);
    assert_eq!(get("since=1h").await, Vec::<String>::new());
}

#[tokio::test]
async fn relative_times_have_later_pages() {
    let service = Service::start().await;
    service.write((0..5).map(|number| record(number, None)).collect()).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/audit-logs?limit=2&since=100y{cursor}");
        let answer = service.get(&path).key("read").send().await;
        seen.extend(targets(&answer));
        let next = answer.json()["pagination"]["next_cursor"].as_str().map(ToOwned::to_owned);
        let Some(next) = next else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["p4", "p3", "p2", "p1", "p0"]);
}

#[tokio::test]
async fn unknown_parameters_list_the_known_ones() {
    let service = Service::start().await;
    for (path, also, nearest) in [
        ("?sinse=7d", "`limit`", "`since`"),
        ("/stats?intervall=day", "`interval`", "`interval`"),
        ("/export?format=csv&from=7d", "`format`", "`since`"),
    ] {
        let answer = service.get(&format!("/v1/audit-logs{path}")).key("all").send().await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()));
        let detail = answer.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&format!("the nearest is {nearest}")), "{detail}");
        for known in [also, "`until`", "`metadata.KEY`", "`actor`"] {
            assert!(detail.contains(known), "{detail}");
        }
    }
    let twice = service.get("/v1/audit-logs/stats?interval=day&interval=hour").key("all");
    assert_eq!(twice.send().await.errors()[0].1, "duplicate_field");
}

#[tokio::test]
async fn expressions_are_anded_with_the_other_parameters() {
    let service = Service::start().await;
    service
        .write(
            (0..6).map(|number| record(number, Some(["t1", "t2"][number as usize % 2]))).collect(),
        )
        .await;
    let get = |path: &str, key| service.get(&format!("/v1/audit-logs{path}")).key(key).send();
    assert_eq!(targets(&get("?q=p3", "read").await), ["p3"]);
    assert_eq!(targets(&get("?q=P*+-p3&actor_id=u0", "read").await), ["p0"]);
    assert_eq!(targets(&get("?q=actor:u0", "all-t1").await), ["p0"]);
    assert_eq!(targets(&get("?q=tenant:t2", "all-t1").await), [""; 0]);
    assert_eq!(get("/stats?q=p1,p2", "read").await.json()["total"], 0);
    assert_eq!(get("/stats?q=target:p1,p2", "read").await.json()["total"], 2);
    assert_eq!(get("/stats?q=p2", "read").await.json()["total"], 1);
    let counted = get("?q=p*&count=exact&limit=2", "read").await.json();
    assert_eq!(
        (&counted["pagination"]["total"], &counted["pagination"]["total_relation"]),
        (&6.into(), &"exact".into())
    );
    let exported = get("/export?format=ndjson&q=p2+actor_type:user", "all").await;
    let lines = exported.body.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, 2, "a record and the manifest");

    let mut path = "/v1/audit-logs?limit=4&q=p*+actor_type:user".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = service.get(&path).key("read").send().await;
        pages.push(targets(&answer));
        let link = answer.header("link");
        let Some((next, _)) = link.split_once('>') else { break };
        path = next[1..].to_owned();
    }
    assert_eq!(pages, [vec!["p5", "p4", "p3", "p2"], vec!["p1", "p0"]]);

    let wrong = get("?q=a+acter:ana+outcome:ok", "read").await;
    let expected = [("q:3", "unknown_field"), ("q:21", "unknown_value")];
    assert_eq!(wrong.problem(), (400, "invalid_parameter".to_owned()));
    assert_eq!(
        wrong.errors(),
        expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
}
