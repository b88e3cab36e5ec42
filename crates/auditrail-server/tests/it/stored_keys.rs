//! Authentication with API keys in the database.

use auditrail_core::{Actor, RequestContext, Scope};

use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::service::record;

const LIST: &str = "/v1/audit-logs";

async fn list(service: &ServiceWithDbKeys, token: &str) -> (u16, String) {
    let answer = service.get(LIST, token).await;
    match answer.status.as_u16() {
        200 => (200, String::new()),
        _ => answer.problem(),
    }
}

fn refused() -> (u16, String) {
    (401, "invalid_key".to_owned())
}

#[tokio::test]
async fn a_stored_key_has_its_scopes_and_tenant() {
    let service = ServiceWithDbKeys::start().await;
    let read = service.key(&[Scope::Read], None).await;
    assert_eq!(list(&service, read.secret.expose()).await.0, 200);
    let write = service.key(&[Scope::Write], Some("t1")).await;
    assert_eq!(list(&service, write.secret.expose()).await, (403, "wrong_scope".to_owned()));
    let post = |tenant| {
        let call = service.call("POST", LIST);
        call.key(write.secret.expose()).json(&record(1, Some(tenant))).send()
    };
    assert_eq!(post("t2").await.status.as_u16(), 403);
    assert_eq!(post("t1").await.status.as_u16(), 201);
}

#[tokio::test]
async fn records_name_their_key_and_cannot_forge_changes_of_keys() {
    let service = ServiceWithDbKeys::start().await;
    let write = service.key(&[Scope::Write], None).await;
    let post = |record| service.call("POST", LIST).key(write.secret.expose()).json(&record).send();
    let written = post(record(1, None)).await.json();
    assert_eq!(written["recorded_by"], format!("key:{}", write.key.id));
    let mut forged = record(2, None);
    forged["action"] = "key.revoked".into();
    forged["target_type"] = "api_key".into();
    forged["target_id"] = write.key.id.to_string().into();
    let answer = post(forged.clone()).await;
    assert_eq!(answer.errors(), [("/action".to_owned(), "reserved_action".to_owned())]);
    // The record of the creation is the service's own.
    let read = service.token(&[Scope::Read], None).await;
    let list = service.get("/v1/audit-logs?action=key.created", &read).await.json();
    assert_eq!(list["data"][0]["recorded_by"], "role:auditrail_service");
}

#[tokio::test]
async fn a_revoked_key_is_refused_in_the_next_request() {
    let service = ServiceWithDbKeys::start().await;
    let issued = service.key(&[Scope::Read], None).await;
    assert_eq!(list(&service, issued.secret.expose()).await.0, 200);
    let here = RequestContext::default();
    let revoked = service.keys.revoke(issued.key.id, None, &Actor::System, &here).await;
    assert!(revoked.unwrap().is_some());
    assert_eq!(list(&service, issued.secret.expose()).await, refused());
}

#[tokio::test]
async fn a_key_revoked_by_sql_is_refused_in_the_next_request() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    assert_eq!(list(&service, &token).await.0, 200);
    service.db.as_owner("update control_plane.audit_api_keys set revoked_at = now()").await;
    assert_eq!(list(&service, &token).await, refused());
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.expired(&[Scope::Read], None).await;
    assert_eq!(list(&service, &token).await, refused());
}

#[tokio::test]
async fn a_key_with_one_wrong_character_is_refused() {
    let service = ServiceWithDbKeys::start().await;
    let issued = service.key(&[Scope::Read], None).await;
    let token = issued.secret.expose();
    for place in [0, 9, 12, token.len() - 1] {
        let mut other = token.to_owned().into_bytes();
        other[place] = if other[place] == b'a' { b'b' } else { b'a' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(list(&service, &other).await, refused(), "character {place}");
    }
}

#[tokio::test]
async fn malformed_keys_are_refused_even_without_the_table() {
    let service = ServiceWithDbKeys::start().await;
    let issued = service.key(&[Scope::Read], None).await;
    service.db.as_owner("alter table control_plane.audit_api_keys rename to hidden").await;
    let unavailable = (503, "keys_unavailable".to_owned());
    assert_eq!(list(&service, issued.secret.expose()).await, unavailable);
    assert_eq!(list(&service, "adt_live_nonsense").await, refused());
}
