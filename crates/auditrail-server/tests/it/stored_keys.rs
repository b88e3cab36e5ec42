//! Keys that are kept in the database, shown to a running service that works as its own role.

use auditrail_core::{Actor, CursorKey, KeyEnv, NewKey, RequestContext, Scope, ScopeSet};
use auditrail_server::{App, ServerConfig, StoredKeys, router};
use auditrail_store::{IssuedKey, PgAuditLog, PgKeys};
use auditrail_testkit::TestDb;

use crate::client::Call;
use crate::service::{Running, record};

const LIST: &str = "/v1/audit-logs";

/// A service with keys in the database, and those keys.
struct Kept {
    db: TestDb,
    keys: PgKeys,
    running: Running,
}

impl Kept {
    async fn start() -> Self {
        let db = TestDb::migrated().await;
        let pool = db.pool(db.service()).await;
        let keys = PgKeys::new(pool.clone());
        let log = PgAuditLog::new(pool, CursorKey::new([7; 32]));
        let config = ServerConfig::default();
        let app = App::new(config.clone(), log, StoredKeys::new(keys.clone()));
        Self { db, keys, running: Running::start(router(app), config).await }
    }

    async fn key(&self, scopes: &[Scope], tenant: Option<&str>) -> IssuedKey {
        let new = NewKey {
            env: KeyEnv::default(),
            name: None,
            scopes: ScopeSet::new(scopes.iter().copied()).unwrap(),
            tenant_id: tenant.map(|text| text.parse().unwrap()),
            expires_at: None,
        };
        self.keys.create(&new, &Actor::System, &RequestContext::default()).await.unwrap()
    }

    async fn list(&self, token: &str) -> (u16, String) {
        let answer = Call::new(self.running.address, "GET", LIST).key(token).send().await;
        match answer.status.as_u16() {
            200 => (200, String::new()),
            _ => answer.problem(),
        }
    }
}

fn refused() -> (u16, String) {
    (401, "invalid_key".to_owned())
}

#[tokio::test]
async fn a_kept_key_opens_what_its_scopes_and_its_tenant_say() {
    let kept = Kept::start().await;
    let read = kept.key(&[Scope::Read], None).await;
    assert_eq!(kept.list(read.secret.expose()).await.0, 200);
    let write = kept.key(&[Scope::Write], Some("t1")).await;
    assert_eq!(kept.list(write.secret.expose()).await, (403, "wrong_scope".to_owned()));
    let post = |tenant| {
        let call = Call::new(kept.running.address, "POST", LIST);
        call.key(write.secret.expose()).json(&record(1, Some(tenant))).send()
    };
    assert_eq!(post("t2").await.status.as_u16(), 403);
    assert_eq!(post("t1").await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_revoked_key_is_shut_out_by_the_next_request() {
    let kept = Kept::start().await;
    let issued = kept.key(&[Scope::Read], None).await;
    assert_eq!(kept.list(issued.secret.expose()).await.0, 200);
    let here = RequestContext::default();
    let revoked = kept.keys.revoke(issued.key.id, None, &Actor::System, &here).await;
    assert!(revoked.unwrap().is_some());
    assert_eq!(kept.list(issued.secret.expose()).await, refused());
}

#[tokio::test]
async fn an_expired_key_is_shut_out() {
    let kept = Kept::start().await;
    let issued = kept.key(&[Scope::Read], None).await;
    // Nobody can make an expired key, so its times are moved back.
    let expire = "update control_plane.audit_api_keys
                     set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'";
    kept.db.as_owner(expire).await;
    assert_eq!(kept.list(issued.secret.expose()).await, refused());
}

#[tokio::test]
async fn a_key_of_which_one_character_differs_is_shut_out() {
    let kept = Kept::start().await;
    let issued = kept.key(&[Scope::Read], None).await;
    let token = issued.secret.expose();
    for place in [0, 9, 12, token.len() - 1] {
        let mut other = token.to_owned().into_bytes();
        other[place] = if other[place] == b'a' { b'b' } else { b'a' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(kept.list(&other).await, refused(), "character {place}");
    }
}

#[tokio::test]
async fn a_well_formed_key_cannot_be_checked_without_the_table_and_a_malformed_one_is_refused_still()
 {
    let kept = Kept::start().await;
    let issued = kept.key(&[Scope::Read], None).await;
    kept.db.as_owner("alter table control_plane.audit_api_keys rename to hidden").await;
    let unavailable = (503, "keys_unavailable".to_owned());
    assert_eq!(kept.list(issued.secret.expose()).await, unavailable);
    assert_eq!(kept.list("adt_live_nonsense").await, refused());
}
