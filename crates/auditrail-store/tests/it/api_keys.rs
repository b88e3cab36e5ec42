//! API keys in the database, as the role of the service.

use std::time::Duration;

use auditrail_core::{
    Action, Actor, ApiKey, ApiKeyEnv, ApiKeyHash, ApiKeyId, ApiKeyState, AuditLogService,
    CreateInput, CursorKey, NewApiKey, PageSize, Query, Record, RecordTime, RequestContext, Scope,
    ScopeSet, Target,
};
use auditrail_store::{PgApiKeys, PgAuditLog, Revoked, Sessions, StoreError};
use auditrail_testkit::{TestDb, until};
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::support::{number, sql};

async fn service(db: &TestDb) -> (PgApiKeys, PgPool) {
    let pool = db.pool(db.service()).await;
    (PgApiKeys::new(pool.clone()), pool)
}

fn by() -> Actor {
    Actor::user("cli:ana").unwrap()
}

fn context() -> RequestContext {
    RequestContext { request_id: Some("r1".parse().unwrap()), ..RequestContext::default() }
}

fn new_key(scopes: &[Scope]) -> NewApiKey {
    NewApiKey {
        env: ApiKeyEnv::default(),
        name: Some("deploy \"bot\"".parse().unwrap()),
        scopes: ScopeSet::new(scopes.iter().copied()).unwrap(),
        tenant_id: Some("t1".parse().unwrap()),
        expires_at: Some("2999-01-02T03:04:05.000006Z".parse().unwrap()),
    }
}

/// Every record of a key, newest first.
async fn records(pool: &PgPool) -> Vec<Record> {
    let log = PgAuditLog::new(pool.clone(), CursorKey::public());
    log.query(&Query::default()).await.unwrap().records
}

fn all() -> PageSize {
    PageSize::new(1_000).unwrap()
}

#[tokio::test]
async fn created_key_is_recorded_and_found_by_its_hash() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let new = new_key(&[Scope::Write, Scope::Export]);
    let issued = keys.create(&new, &by(), &context()).await.unwrap();
    let (key, hash) = (&issued.key, issued.secret.hash());
    assert_eq!(found_key(&keys, &hash).await.as_ref(), Some(key));
    assert_eq!(keys.get(key.id).await.unwrap().as_ref(), Some(key));
    assert_eq!((&key.name, key.scopes), (&new.name, new.scopes));
    assert_eq!((&key.tenant_id, key.expires_at), (&new.tenant_id, new.expires_at));
    assert_eq!((&key.created_by, key.revoked_at), (&by(), None));
    assert_eq!(key.hint, issued.secret.hint());
    assert_eq!(key.state(key.created_at.timestamp()), ApiKeyState::Active);

    let [record] = &records(&pool).await[..] else { panic!("one record") };
    assert_eq!((&record.actor, &record.action), (&by(), &Action::KeyCreated));
    assert_eq!(record.target, key.target());
    assert_eq!((&record.tenant_id, record.created_at), (&key.tenant_id, key.created_at));
    assert_eq!(record.request_id, context().request_id);
    let metadata: serde_json::Value =
        serde_json::from_str(record.metadata.as_ref().unwrap().as_str()).unwrap();
    let expected = serde_json::json!({
        "hint": key.hint, "name": "deploy \"bot\"", "scopes": ["write", "export"],
        "expires_at": "2999-01-02T03:04:05.000006Z", "sha256": hash.to_string(),
    });
    assert_eq!(metadata, expected);
}

#[tokio::test]
async fn key_without_optional_fields_round_trips() {
    let db = TestDb::migrated().await;
    let (keys, _) = service(&db).await;
    let new = NewApiKey {
        env: "t3st".parse().unwrap(),
        name: None,
        scopes: ScopeSet::new(Scope::ALL).unwrap(),
        tenant_id: None,
        expires_at: None,
    };
    let issued = keys.create(&new, &Actor::system(), &RequestContext::default()).await.unwrap();
    let found = found_key(&keys, &issued.secret.hash()).await;
    assert_eq!(found.as_ref(), Some(&issued.key));
    assert_eq!(issued.secret.env(), new.env);
    let unknown = ApiKeyHash::from_bytes([7; 32]);
    assert_eq!(found_key(&keys, &unknown).await, None);
}

#[tokio::test]
async fn rows_contain_only_the_hint_of_the_secret() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let issued = keys.create(&new_key(&[Scope::Admin]), &by(), &context()).await.unwrap();
    keys.revoke(issued.key.id, None, &by(), &context()).await.unwrap().unwrap();
    let rows: Vec<String> = sqlx::query_scalar(
        "select k::text from control_plane.audit_api_keys k
         union all select l::text from control_plane.audit_logs l",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(rows.len(), 3);
    let (shown, hidden) = issued.secret.expose().split_at(issued.key.hint.as_str().len());
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for row in &rows {
        assert!(row.contains(shown), "{row}");
        for part in hidden.as_bytes().windows(6) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!row.contains(part) && !row.contains(&hex(part)), "{part} in {row}");
        }
    }
}

#[tokio::test]
async fn revocation_is_idempotent_and_recorded_once() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let issued = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap();
    let id = issued.key.id;
    let first = keys.revoke(id, None, &by(), &context()).await.unwrap();
    let Some(Revoked::Now(key)) = first else { panic!("{first:?}") };
    assert_eq!(key.state(key.created_at.timestamp()), ApiKeyState::Revoked);
    let found = found_key(&keys, &issued.secret.hash()).await;
    assert_eq!(found.as_ref(), Some(&key));
    let again = keys.revoke(id, None, &Actor::system(), &context()).await.unwrap();
    assert_eq!(again, Some(Revoked::Before(key.clone())));
    let records = records(&pool).await;
    assert_eq!(records.len(), 2);
    assert_eq!((&records[0].actor, &records[0].action), (&by(), &Action::KeyRevoked));
    assert_eq!((&records[0].target, &records[0].tenant_id), (&key.target(), &key.tenant_id));
    let unknown = ApiKeyId::from(Uuid::from_u128(7));
    assert_eq!(keys.revoke(unknown, None, &by(), &context()).await.unwrap(), None);
}

#[tokio::test]
async fn one_of_many_concurrent_revocations_takes_effect() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let id = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap().key.id;
    let (actor, context) = (by(), context());
    let revoke = || keys.revoke(id, None, &actor, &context);
    let (a, b, c, d) = tokio::join!(revoke(), revoke(), revoke(), revoke());
    let outcomes = [a, b, c, d].map(|outcome| outcome.unwrap().unwrap());
    let now = outcomes.iter().filter(|outcome| matches!(outcome, Revoked::Now(_))).count();
    assert_eq!(now, 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.key() == outcomes[0].key()));
    assert_eq!(records(&pool).await.len(), 2);
}

#[tokio::test]
async fn keys_do_not_change_without_a_record() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let id = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap().key.id;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "revoke insert on control_plane.audit_logs from auditrail_service").await;
    let error = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap_err();
    assert!(matches!(error, StoreError::PermissionDenied { .. }), "{error}");
    let error = keys.revoke(id, None, &by(), &context()).await.unwrap_err();
    assert!(matches!(error, StoreError::PermissionDenied { .. }), "{error}");
    let left = keys.list(None, None, all()).await.unwrap().keys;
    assert_eq!(left.iter().map(|key| (key.id, key.revoked_at)).collect::<Vec<_>>(), [(id, None)]);
    assert_eq!(records(&pool).await.len(), 1);
}

#[tokio::test]
async fn keys_are_listed_oldest_first_by_page_and_tenant() {
    let db = TestDb::migrated().await;
    let (keys, _) = service(&db).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let tenant_id = (n % 2 == 0).then(|| "even".parse().unwrap());
        let new = NewApiKey { tenant_id, ..new_key(&[Scope::Read]) };
        ids.push(keys.create(&new, &by(), &context()).await.unwrap().key.id);
    }
    // Keys of one millisecond are in the order of their ids.
    let even = std::collections::BTreeSet::from([ids[0], ids[2], ids[4]]);
    ids.sort();
    let list = async |tenant: Option<&str>, after, size| {
        let tenant = tenant.map(|text| text.parse().unwrap());
        let size = PageSize::new(size).unwrap();
        let found = keys.list(tenant.as_ref(), after, size).await.unwrap();
        (found.keys.iter().map(|key| key.id).collect::<Vec<_>>(), found.has_more)
    };
    assert_eq!(list(None, None, 1_000).await, (ids.clone(), false));
    assert_eq!(list(None, None, 5).await, (ids.clone(), false));
    assert_eq!(list(None, None, 2).await, (ids[..2].to_vec(), true));
    assert_eq!(list(None, Some(ids[1]), 2).await, (ids[2..4].to_vec(), true));
    assert_eq!(list(None, Some(ids[4]), 2).await, (vec![], false));
    assert_eq!(list(Some("even"), None, 9).await, (even.into_iter().collect(), false));
    assert_eq!(list(Some("none"), None, 9).await, (vec![], false));
}

#[tokio::test]
async fn key_is_revoked_only_within_its_tenant() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let [own, other] = ["t1", "t2"].map(|text| text.parse().unwrap());
    let id = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap().key.id;
    let unbound = NewApiKey { tenant_id: None, ..new_key(&[Scope::Read]) };
    let unbound = keys.create(&unbound, &by(), &context()).await.unwrap().key.id;
    let revoke = async |id, tenant| keys.revoke(id, Some(tenant), &by(), &context()).await.unwrap();
    for (id, tenant) in [(id, &other), (unbound, &own)] {
        assert_eq!(revoke(id, tenant).await, None);
        assert_eq!(keys.get(id).await.unwrap().unwrap().revoked_at, None);
    }
    assert_eq!(records(&pool).await.len(), 2);
    assert!(matches!(revoke(id, &own).await, Some(Revoked::Now(_))));
    assert!(matches!(revoke(id, &own).await, Some(Revoked::Before(_))));
    assert_eq!(revoke(id, &other).await, None);
}

#[tokio::test]
async fn corrupt_key_fails_alone_in_a_lookup_of_several() {
    let db = TestDb::migrated().await;
    let (keys, _) = service(&db).await;
    let mut issued = Vec::new();
    for _ in 0..3 {
        issued.push(keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap());
    }
    let corrupt = issued[0].key.id;
    db.as_owner(&format!(
        "alter table control_plane.audit_api_keys drop constraint audit_api_keys_scopes_check;
         update control_plane.audit_api_keys set scopes = array['tail'] where id = '{corrupt}'"
    ))
    .await;
    let mut hashes: Vec<ApiKeyHash> = issued.iter().map(|one| one.secret.hash()).collect();
    hashes.push(ApiKeyHash::from_bytes([7; 32]));
    let mut found = keys.find_by_hashes(&hashes).await.unwrap();
    assert_eq!(found.len(), 3);
    let error = found.remove(&hashes[0]).unwrap().unwrap_err();
    assert!(matches!(error, StoreError::CorruptApiKey { id, .. } if id == corrupt), "{error}");
    for one in &issued[1..] {
        assert_eq!(found.remove(&one.secret.hash()).unwrap().unwrap().key, one.key);
    }
    assert!(keys.find_by_hashes(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn new_key_that_has_expired_is_rejected() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let past: RecordTime = "2020-01-01T00:00:00Z".parse().unwrap();
    let new = NewApiKey { expires_at: Some(past), ..new_key(&[Scope::Read]) };
    let error = keys.create(&new, &by(), &context()).await.unwrap_err();
    assert_eq!(error.code(), "out_of_range");
    assert_eq!(
        error.to_string(),
        "the API key cannot be created: /expires_at: must be in the future"
    );
    assert!(keys.list(None, None, all()).await.unwrap().keys.is_empty());
    assert!(records(&pool).await.is_empty());
}

#[tokio::test]
async fn table_rejects_invalid_keys() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let insert = |hash: &str, scopes: &str, by: &str, expires: &str| {
        format!(
            "insert into control_plane.audit_api_keys (id, hash, hint, scopes, created_by, expires_at)
             values (gen_random_uuid(), {hash}, 'adt_live_0000', {scopes}, {by}, {expires})"
        )
    };
    let hash = "sha256('a')";
    let good = insert(hash, "array['write','read']", "'user:u1'", "null");
    sql(&mut owner, &good).await;
    for (statement, rule) in [
        (good.clone(), "hash_key"),
        (insert("'\\x00'", "array['write']", "'system'", "null"), "hash_check"),
        (insert("sha256('b')", "array['root']", "'system'", "null"), "scopes_check"),
        (insert("sha256('b')", "'{}'", "'system'", "null"), "scopes_check"),
        (insert("sha256('b')", "array[null]::text[]", "'system'", "null"), "scopes_check"),
        (insert("sha256('b')", "array[['write','read']]", "'system'", "null"), "scopes_check"),
        (insert("sha256('b')", "array['write']", "'ana'", "null"), "created_by_check"),
        (insert("sha256('b')", "array['write']", "'system'", "'2020-01-01'"), "expires_at_check"),
    ] {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&mut owner).await;
        let error = done.unwrap_err();
        let constraint = error.as_database_error().unwrap().constraint().unwrap().to_owned();
        assert_eq!(constraint, format!("audit_api_keys_{rule}"), "{statement}");
    }
    assert_eq!(number(&mut owner, "select count(*) from control_plane.audit_api_keys").await, 1);
}

#[tokio::test]
async fn unknown_scope_is_an_error_and_not_omitted() {
    let db = TestDb::migrated().await;
    let (keys, _) = service(&db).await;
    let issued = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    let newer =
        "alter table control_plane.audit_api_keys drop constraint audit_api_keys_scopes_check;
                 update control_plane.audit_api_keys set scopes = array['read', 'tail']";
    sql(&mut owner, newer).await;
    let error = keys.find_by_hash(&issued.secret.hash()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::CorruptApiKey { id, .. } if id == issued.key.id),
        "{error}"
    );
}

#[tokio::test]
async fn sessions_replace_a_lost_connection() {
    let db = TestDb::migrated().await;
    let (keys, _pool) = service(&db).await;
    let issued = keys.create(&new_key(&[Scope::Read]), &by(), &context()).await.unwrap();
    let sessions = Sessions::new(&db.service(), 1, Duration::from_secs(5));
    let keys = keys.with_sessions(sessions.clone());
    let hash = issued.secret.hash();
    for _ in 0..2 {
        assert_eq!(found_key(&keys, &hash).await.as_ref(), Some(&issued.key));
    }
    let mut admin = db.connect(db.admin()).await;
    let others = "from pg_stat_activity where datname = current_database()
                    and pid <> pg_backend_pid()";
    sql(&mut admin, &format!("select pg_terminate_backend(pid) {others}")).await;
    until(&mut admin, &format!("select not exists (select {others})")).await;
    assert_eq!(found_key(&keys, &hash).await.as_ref(), Some(&issued.key));
    assert_eq!(sessions.size(), (1, 1));
    sessions.close().await;
    let gone = keys.find_by_hash(&hash).await.unwrap_err();
    assert!(matches!(gone, StoreError::Unreachable { .. }), "{gone}");
}

async fn found_key(keys: &PgApiKeys, hash: &ApiKeyHash) -> Option<ApiKey> {
    keys.find_by_hash(hash).await.unwrap().map(|found| found.key)
}

/// The query of the guide, for another key.
fn query_of_the_guide(key: &str) -> String {
    let guide = include_str!("../../../../docs/api-keys.md");
    let (_, rest) = guide.split_once("```sql\n").unwrap();
    let (sql, _) = rest.split_once("```").unwrap();
    let example = "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP";
    assert!(sql.contains(example));
    sql.replace(example, key)
}

#[tokio::test]
async fn activity_of_a_leaked_key_is_found_as_in_the_guide() {
    let db = TestDb::migrated().await;
    let (keys, pool) = service(&db).await;
    let [leaked, other] = [0, 1].map(|_| new_key(&[Scope::Write]));
    let leaked = keys.create(&leaked, &by(), &context()).await.unwrap();
    let other = keys.create(&other, &by(), &context()).await.unwrap();
    let log = PgAuditLog::new(pool, CursorKey::public());
    for (key, target) in [(&leaked.key, "project:p1"), (&other.key, "project:p2")] {
        let target: Target = target.parse().unwrap();
        let input = CreateInput::new(key.actor(), Action::ProjectCreated, target);
        log.create(input).await.unwrap();
    }
    let sql = query_of_the_guide(leaked.secret.expose());
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(log.pool()).await.unwrap();
    let rows = rows.iter().map(|row| (row.get("key_id"), row.get("target_id")));
    let rows: Vec<(String, String)> = rows.collect();
    assert_eq!(rows, [(leaked.key.id.to_string(), "p1".to_owned())]);
    let sql = query_of_the_guide("adt_live_000000000000000000000000000_27iyFv");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(log.pool()).await.unwrap();
    assert!(rows.is_empty());
}

/// As the owner: a service lacks the privilege for the lock, and the first key is created in the private
/// database, where the program is the owner.
#[tokio::test]
async fn one_of_several_first_keys_is_created() {
    let db = TestDb::migrated().await;
    let keys = PgApiKeys::new(db.pool(db.owner()).await);
    let (new, by, context) = (new_key(&[Scope::Admin]), by(), context());
    let made = [(); 6].map(|()| keys.create_first(&new, &by, &context));
    let made = futures_util::future::join_all(made).await;
    let made: Vec<_> = made.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(keys.list(None, None, all()).await.unwrap().keys, [made[0].key.clone()]);
    // Nor after the key was revoked.
    keys.revoke(made[0].key.id, None, &by, &context).await.unwrap();
    assert!(keys.create_first(&new, &by, &context).await.unwrap().is_none());
}
