//! Coalescing of lookups. The database is held up by a lock, never by a timer.

use std::time::Duration;

use auditrail_core::{Actor, ApiKeyEnv, NewApiKey, RequestContext, Scope};
use auditrail_store::IssuedApiKey;
use auditrail_testkit::{TestDb, until};
use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;

const TABLE: &str = "control_plane.audit_api_keys";
const WAITS: &str = "select exists (select from pg_locks l join pg_class c on c.oid = l.relation
    where not l.granted and c.relname = 'audit_api_keys'
      and l.database = (select oid from pg_database where datname = current_database()))";

async fn make(keys: &PgApiKeys) -> IssuedApiKey {
    let new = NewApiKey {
        env: ApiKeyEnv::default(),
        name: None,
        scopes: Scope::Read.into(),
        tenant_id: None,
        expires_at: None,
    };
    keys.create(&new, &Actor::system(), &RequestContext::default()).await.unwrap()
}

/// The id of the key, or the error text.
fn outcome(answer: Result<Principal, AuthError>) -> Result<String, String> {
    answer.map(|principal| principal.key_id.into_string()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn requests_during_a_lookup_share_the_next_one() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.service()).await);
    let issued = [make(&keys).await, make(&keys).await, make(&keys).await];
    let (stored, lock) = (StoredKeys::new(keys), db.lock(TABLE).await);
    let mut first = stored.authenticate(issued[0].secret.expose());
    assert!((&mut first).now_or_never().is_none());
    until(&mut db.connect(db.admin()).await, WAITS).await;

    let unknown = "adt_live_000000000000000000000000000_27iyFv";
    let tokens = issued.iter().map(|issued| issued.secret.expose()).chain([unknown]);
    let tokens: Vec<&str> = tokens.cycle().take(40).collect();
    let mut others: Vec<_> = tokens.iter().map(|token| stored.authenticate(token)).collect();
    for other in &mut others {
        assert!(other.now_or_never().is_none());
    }
    drop(lock);

    assert_eq!(outcome(first.await), Ok(issued[0].key.id.to_string()));
    for (index, answer) in join_all(others).await.into_iter().enumerate() {
        let expected = match issued.get(index % 4) {
            Some(issued) => Ok(issued.key.id.to_string()),
            None => Err(AuthError::Refused.to_string()),
        };
        assert_eq!(outcome(answer), expected, "{index}");
    }
    assert_eq!(stored.lookups(), 2);
}

#[tokio::test]
async fn a_revocation_by_plain_sql_refuses_the_next_request() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.service()).await);
    let issued = make(&keys).await;
    let stored = StoredKeys::new(keys.clone());
    for _ in 0..3 {
        assert!(stored.authenticate(issued.secret.expose()).await.is_ok());
    }
    assert_eq!(stored.lookups(), 3);
    // Plain SQL, from another connection, without notification.
    db.as_owner("update control_plane.audit_api_keys set revoked_at = now()").await;
    let refused = stored.authenticate(issued.secret.expose()).await;
    assert!(matches!(refused, Err(AuthError::Refused)));
}

#[tokio::test]
async fn a_cancelled_request_does_not_cancel_the_shared_lookup() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.service()).await);
    let issued = make(&keys).await;
    let (stored, lock) = (StoredKeys::new(keys), db.lock(TABLE).await);
    let mut first = stored.authenticate(issued.secret.expose());
    let mut second = stored.authenticate(issued.secret.expose());
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    drop(lock);
    assert_eq!(outcome(second.await), Ok(issued.key.id.to_string()));
}

#[tokio::test]
async fn a_corrupt_key_fails_only_its_own_requests() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.service()).await);
    let (corrupt, sound) = (make(&keys).await, make(&keys).await);
    db.as_owner(&format!(
        "alter table control_plane.audit_api_keys drop constraint audit_api_keys_scopes_check;
         update control_plane.audit_api_keys set scopes = '{{tail}}' where id = '{}'",
        corrupt.key.id
    ))
    .await;
    let stored = StoredKeys::new(keys);
    let both = [corrupt.secret.expose(), sound.secret.expose()];
    let answers = join_all(both.map(|token| stored.authenticate(token))).await;
    assert!(matches!(answers[0], Err(AuthError::Unavailable(_))), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
}

#[tokio::test]
async fn a_failed_lookup_is_not_cached() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.service()).await);
    let issued = make(&keys).await;
    let stored = StoredKeys::new(keys);
    db.as_owner("alter table control_plane.audit_api_keys rename to hidden").await;
    let failed = stored.authenticate(issued.secret.expose()).await;
    assert!(matches!(failed, Err(AuthError::Unavailable(_))), "{failed:?}");
    db.as_owner("alter table control_plane.hidden rename to audit_api_keys").await;
    assert!(stored.authenticate(issued.secret.expose()).await.is_ok());
}

#[tokio::test]
async fn a_lookup_that_times_out_refuses_the_request() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.service()).await);
    let issued = make(&keys).await;
    let short = Duration::from_millis(1);
    let stored =
        StoredKeys { batcher: KeyLookupBatcher::new(keys, short, short), cache: Arc::default() };
    // The lookup blocks on this lock, however fast the machine.
    let _locked = db.lock("control_plane.audit_api_keys").await;
    // Twice: the first failure must not leave the worker marked as busy.
    for lookups in [1, 2] {
        let answer = stored.authenticate(issued.secret.expose()).await;
        assert!(matches!(answer, Err(AuthError::Unavailable(_))), "{answer:?}");
        assert_eq!(stored.lookups(), lookups);
    }
}
