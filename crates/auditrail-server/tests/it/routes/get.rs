//! `GET /v1/audit-logs/{id}`.

use crate::support::service::{Service, record};

#[tokio::test]
async fn a_matching_etag_is_304() {
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
async fn malformed_and_unknown_ids_are_404() {
    let service = Service::start().await;
    for id in ["x", "00000000-0000-0000-0000-000000000009", "%00", "1%2f2"] {
        let answer = service.get(&format!("/v1/audit-logs/{id}")).key("read").send().await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{id}");
    }
}
