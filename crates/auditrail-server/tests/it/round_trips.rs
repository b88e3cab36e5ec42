//! Round trips to PostgreSQL, counted at a proxy, as docs/performance.md states them for each call.

use std::time::Duration;

use auditrail_core::{Actor, ApiKeyEnv, CursorKey, NewApiKey, RequestContext, Scope, ScopeSet};
use auditrail_server::{App, GroupWrites, ServerConfig, StoredKeys, limits, router};
use auditrail_store::{GroupWriter, PgApiKeys, PgAuditLog, Sessions, WriterLimits};
use auditrail_testkit::{RoundTrips, TestDb, Transport, eventually, until};
use serde_json::{Value, json};

use crate::support::client::Call;
use crate::support::service::{Running, record};
use crate::support::signed::sign;

/// Whether a transaction waits for the table of the records.
const WAITS: &str = "select exists (select from pg_locks l join pg_class c on c.oid = l.relation
    where not l.granted and c.relname = 'audit_logs'
      and l.database = (select oid from pg_database where datname = current_database()))";

/// A service like that of the program, with every database connection through a proxy.
struct Counted {
    db: TestDb,
    proxy: RoundTrips,
    running: Running,
    writer: GroupWriter,
    token: String,
}

impl Counted {
    async fn start() -> Self {
        let db = TestDb::migrated_over(Transport::Unix).await;
        let proxy = RoundTrips::to(&db.service()).await;
        let options = proxy.through(&db.service());
        let pool = db.pool(options.clone()).await;
        let sessions = Sessions::new(&options, 4, Duration::from_secs(5));
        let keys = PgApiKeys::new(pool.clone()).with_sessions(sessions.clone());
        let log = PgAuditLog::new(pool, CursorKey::new([7; 32])).with_sessions(sessions);
        let limits = WriterLimits { writers: 1, ..WriterLimits::default() };
        let writer = GroupWriter::start(options, limits);
        let writes = GroupWrites::new(writer.clone(), log.clone(), limits::WRITE_TIMEOUT);
        let config = ServerConfig::default();
        let app = App::new(config.clone(), log, StoredKeys::new(keys.clone()), writes);
        let running = Running::start(router(app), config).await;
        let new = NewApiKey {
            env: ApiKeyEnv::default(),
            name: None,
            scopes: ScopeSet::new(Scope::ALL).unwrap(),
            tenant_id: None,
            expires_at: None,
        };
        let issued = keys.create(&new, &Actor::System, &RequestContext::default()).await.unwrap();
        let token = issued.secret.expose().to_owned();
        let counted = Self { db, proxy, running, writer, token };
        // Opens the connections of writer and readers, and prepares their statements.
        counted.call("POST", "", Some(&record(1, None)), 201).await;
        counted.call("GET", "", None, 200).await;
        counted.proxy.take();
        counted
    }

    /// Sends a request, and returns how many round trips it took.
    async fn call(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> u64 {
        self.send(method, path, body, status).await;
        self.proxy.take()
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>, status: u16) {
        let path = format!("/v1/audit-logs{path}");
        let call = Call::new(self.running.address, method, &path).key(&self.token);
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
}

/// A request, its method and path, its status and its number of round trips.
type CountedCall<'a> = (&'a str, &'a str, &'a str, Option<Value>, u16, u64);

fn batch(numbers: std::ops::Range<u32>) -> Value {
    numbers.map(|number| record(number, None)).collect()
}

#[tokio::test]
async fn round_trips_match_the_docs() {
    let counted = Counted::start().await;
    let one = record(1, None);
    let id = one["id"].as_str().unwrap();
    let get = format!("/{id}");
    let calls: [CountedCall<'_>; 9] = [
        ("a single record", "POST", "", Some(record(2, None)), 201, 1),
        ("a single record that is there", "POST", "", Some(one.clone()), 200, 3),
        ("a batch", "POST", "/batch", Some(batch(10..14)), 200, 1),
        ("a batch that is there", "POST", "/batch", Some(batch(10..14)), 200, 2),
        ("a record by its id", "GET", &get, None, 200, 1),
        ("a page of everything", "GET", "", None, 200, 1),
        ("a page of one actor", "GET", "?actor_id=u1&limit=10", None, 200, 1),
        (
            "a page of one actor and action",
            "GET",
            "?actor_id=u1&action=project.created",
            None,
            200,
            2,
        ),
        ("a record that is wrong", "POST", "", Some(json!({})), 422, 1),
    ];
    let docs = include_str!("../../../../docs/performance.md");
    for (name, method, path, body, status, expected) in calls {
        let taken = counted.call(method, path, body.as_ref(), status).await;
        assert_eq!(taken, expected, "{name}");
        let line = format!("| {name} | {expected} |");
        assert!(docs.contains(&line), "docs/performance.md has no line {line}");
    }
}

#[tokio::test]
async fn round_trips_of_the_transparency_log_match_the_docs() {
    let counted = Counted::start().await;
    counted.send("POST", "/batch", Some(&batch(2..600)), 200).await;
    counted.db.sequence().await;
    sign(&counted.db).await;
    let proof = format!("audit-logs/{}/proof", record(1, None)["id"].as_str().unwrap());
    let calls = [
        ("the newest checkpoint", "log/checkpoint", 1),
        ("the keys of the log", "log/keys", 1),
        ("a tile of hashes", "log/tile/1/000.p/2", 1),
        ("a bundle of entries", "log/tile/entries/000", 1),
        ("a consistency proof", "log/consistency?from=5&to=590", 3),
        ("the proof of a record", &proof, 7),
    ];
    let mut taken = Vec::new();
    for (name, path, _) in calls {
        // The first one prepares the statements.
        for _ in 0..2 {
            counted.proxy.take();
            let call = Call::new(counted.running.address, "GET", &format!("/v1/{path}"));
            let answer = call.key(&counted.token).send().await;
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
        }
        taken.push((name, path, counted.proxy.take()));
    }
    assert_eq!(taken, calls);
    let docs = include_str!("../../../../docs/performance.md");
    for (name, _, expected) in calls {
        let line = format!("| {name} | {expected} |");
        assert!(docs.contains(&line), "docs/performance.md has no line {line}");
    }
}

#[tokio::test]
async fn only_the_first_request_looks_its_key_up() {
    let counted = Counted::start().await;
    let bodies = [record(2, None), record(3, None)];
    let other = StoredKey::make(&counted).await;
    for (body, expected) in bodies.iter().zip([2, 1]) {
        let call = Call::new(counted.running.address, "POST", "/v1/audit-logs").key(&other.token);
        assert_eq!(call.json(body).send().await.status, 201);
        assert_eq!(counted.proxy.take(), expected);
    }
}

/// A second API key.
struct StoredKey {
    id: auditrail_core::ApiKeyId,
    keys: PgApiKeys,
    token: String,
}

impl StoredKey {
    async fn make(counted: &Counted) -> Self {
        let keys = PgApiKeys::new(counted.db.pool(counted.db.service()).await);
        let new = NewApiKey {
            env: ApiKeyEnv::default(),
            name: None,
            scopes: Scope::Write.into(),
            tenant_id: None,
            expires_at: None,
        };
        let issued = keys.create(&new, &Actor::System, &RequestContext::default()).await.unwrap();
        Self { id: issued.key.id, keys, token: issued.secret.expose().to_owned() }
    }
}

/// Queued requests share a transaction, which is one exchange.
#[tokio::test]
async fn queued_records_share_a_round_trip() {
    let counted = Counted::start().await;
    let lock = counted.db.lock("control_plane.audit_logs").await;
    let bodies: Vec<Value> = (2..12).map(|number| record(number, None)).collect();
    let first = counted.send("POST", "", Some(&bodies[0]), 201);
    let (first, others) = (std::pin::pin!(first), &bodies[1..]);
    let mut admin = counted.db.connect(counted.db.admin()).await;
    let waiting = async {
        until(&mut admin, WAITS).await;
        let sending = others.iter().map(|body| counted.send("POST", "", Some(body), 201));
        let sending = futures_util::future::join_all(sending);
        let released = async {
            let queued = async || counted.writer.stats().queued_requests == 9;
            eventually("nine requests wait", queued).await;
            drop(lock);
        };
        tokio::join!(sending, released);
    };
    tokio::join!(first, waiting);
    // The first record, and the other nine.
    assert_eq!(counted.proxy.take(), 2);
}

#[tokio::test]
async fn a_key_revoked_before_the_commit_prevents_it() {
    let counted = Counted::start().await;
    let key = StoredKey::make(&counted).await;
    let post = |number| {
        let call = Call::new(counted.running.address, "POST", "/v1/audit-logs").key(&key.token);
        call.json(&record(number, None))
    };
    assert_eq!(post(2).send().await.status, 201);

    let lock = counted.db.lock("control_plane.audit_logs").await;
    let mut admin = counted.db.connect(counted.db.admin()).await;
    let revoked = async {
        until(&mut admin, WAITS).await;
        // By plain SQL: a revocation through the API would wait for the lock to write its record.
        let revoke = format!(
            "update control_plane.audit_api_keys set revoked_at = now() where id = '{}'",
            key.id
        );
        counted.db.as_owner(&revoke).await;
        drop(lock);
    };
    let call = post(3);
    let (answer, ()) = tokio::join!(call.send(), revoked);
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(post(4).send().await.status, 401);
    let stored = key.keys.get(key.id).await.unwrap().unwrap();
    assert!(stored.revoked_at.is_some());
    counted.send("GET", &format!("/{}", record(2, None)["id"].as_str().unwrap()), None, 200).await;
    for number in [3, 4] {
        let id = record(number, None)["id"].as_str().unwrap().to_owned();
        counted.send("GET", &format!("/{id}"), None, 404).await;
    }
}

#[tokio::test]
async fn a_revoked_key_is_401_for_any_request() {
    let counted = Counted::start().await;
    let key = StoredKey::make(&counted).await;
    let post = |body: Value| {
        let call = Call::new(counted.running.address, "POST", "/v1/audit-logs").key(&key.token);
        call.json(&body)
    };
    assert_eq!(post(record(2, None)).send().await.status, 201);
    assert_eq!(post(json!({})).send().await.status, 422);
    let here = RequestContext::default();
    key.keys.revoke(key.id, None, &Actor::System, &here).await.unwrap().unwrap();
    assert_eq!(post(json!({})).send().await.status, 401);
}
