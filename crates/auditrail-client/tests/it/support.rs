//! The real service in this process, and recorders that use it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use auditrail_client::{Client, Recorder, RecorderConfig, Stats};
use auditrail_core::{
    Actor, AuditLogService, CreateInput, Cursor, CursorKey, PageSize, Position, Query, Record,
    TenantId,
};
use auditrail_server::{
    App, AuthError, Authenticator, GroupWrites, Principal, Scope, ServerConfig, router, serve,
};
use auditrail_store::{GroupWriter, PgAuditLog, WriterLimits};
use auditrail_testkit::{TestDb, eventually};
use futures_util::future::{BoxFuture, ready};
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

use crate::proxy::Proxy;

/// The API key of these tests. `secrets` looks for it in all output.
pub(crate) const KEY: &str = "adt_test_Planted0Secret0Of0The0Tests_000000";
/// A key with the scope `write` for the tenant `t1` only.
pub(crate) const TENANT_KEY: &str = "adt_test_OfOneTenant_000000";
/// A key without the scope `write`.
pub(crate) const READ_KEY: &str = "adt_test_ReadsOnly_000000";
/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// Accepts the keys above.
struct Keys;

impl Authenticator for Keys {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        let principal = |scopes: &[Scope], tenant: Option<TenantId>| Principal {
            key_id: "key-1".into(),
            scopes: scopes.to_vec(),
            tenant,
            version: None,
        };
        Box::pin(ready(match token {
            KEY => Ok(principal(&[Scope::Write, Scope::Read], None)),
            READ_KEY => Ok(principal(&[Scope::Read], None)),
            TENANT_KEY => Ok(principal(&[Scope::Write], Some("t1".parse().unwrap()))),
            _ => Err(AuthError::Refused),
        }))
    }
}

/// A running service, its database, and a proxy in front of it.
pub(crate) struct Service {
    log: PgAuditLog,
    pub(crate) proxy: Proxy,
    db: TestDb,
    /// Shuts the service down when dropped.
    _stop: oneshot::Sender<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let db = TestDb::migrated().await;
        let log = PgAuditLog::new(db.pool(db.service()).await, CursorKey::new([7; 32]));
        let (address, stop) = serve_log(&db, &log).await;
        Self { db, log, proxy: Proxy::start(address).await, _stop: stop }
    }

    /// Another server of the same log, which runs as long as the test.
    pub(crate) async fn another(&self) -> Proxy {
        let (address, stop) = serve_log(&self.db, &self.log).await;
        // Dropping it would shut the server down.
        std::mem::forget(stop);
        Proxy::start(address).await
    }

    /// Gives the records their seq.
    pub(crate) async fn sequence(&self) {
        self.db.sequence().await;
    }

    /// A client that sends its requests through the proxy.
    pub(crate) fn client(&self) -> Client {
        client(&self.proxy.url(), KEY)
    }

    /// All stored records, newest first, read from the database directly.
    pub(crate) async fn stored(&self) -> Vec<Record> {
        let limit = PageSize::new(1_000).unwrap();
        let mut query = Query { limit, ..Query::default() };
        let mut records: Vec<Record> = Vec::new();
        loop {
            let found = self.log.query(&query).await.unwrap();
            records.extend(found.records);
            match records.last() {
                Some(last) if found.has_more => {
                    let cursor = Cursor { created_at: last.created_at, id: last.id };
                    query.position = Position::After(cursor);
                }
                _ => return records,
            }
        }
    }

    /// The targets of the stored records, sorted, with duplicates.
    pub(crate) async fn targets(&self) -> Vec<String> {
        let stored = self.stored().await;
        let mut targets: Vec<_> =
            stored.iter().map(|record| record.target.target_id.to_string()).collect();
        targets.sort();
        targets
    }
}

/// Serves a log until the sender is dropped.
async fn serve_log(db: &TestDb, log: &PgAuditLog) -> (SocketAddr, oneshot::Sender<()>) {
    let config = ServerConfig::default();
    let writer = GroupWriter::start(db.service(), WriterLimits::default());
    let writes = GroupWrites::new(writer, log.clone(), config.write_timeout);
    let app = App::new(config.clone(), log.clone(), Arc::new(Keys), writes);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        let connections = app.connections().clone();
        serve(listener, router(app), &config, &connections, async { drop(stopped.await) }).await
    });
    (address, stop)
}

pub(crate) fn client(url: &str, key: &str) -> Client {
    Client::builder(url).key(key).build().unwrap()
}

/// A URL where connections are refused, as long as the socket is held.
pub(crate) fn unused() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()), socket)
}

/// A record with that target.
pub(crate) fn input(target: &str) -> CreateInput {
    let target = format!("project:{target}").parse().unwrap();
    let action = "project.created".parse().unwrap();
    CreateInput::new(Actor::user("ana").unwrap(), action, target)
}

/// A configuration with short pauses and long timeouts.
pub(crate) fn quick() -> RecorderConfig {
    RecorderConfig::new()
        .linger(Duration::from_millis(5))
        .retry(Duration::from_millis(1), Duration::from_millis(50))
        .must_timeout(LONG)
        .request_timeout(LONG)
}

pub(crate) async fn open(client: Client, config: RecorderConfig) -> Recorder {
    Recorder::open(client, config).await.unwrap()
}

/// Asserts that every record is accounted for.
#[track_caller]
pub(crate) fn assert_balanced(stats: &Stats) {
    let settled = stats.sent + stats.duplicates + stats.refused + stats.dropped_total();
    let all = settled + stats.quarantined + stats.pending;
    assert_eq!(stats.accepted + stats.recovered, all, "{stats:?}");
    assert_eq!(stats.refused, stats.refused_by.values().sum::<u64>(), "{stats:?}");
}

/// The records of `refused.ndjson` as their targets and codes, in order. Call it after `close`, which
/// waits for them.
pub(crate) fn dead_letters(spool: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(spool.join("refused.ndjson")).unwrap_or_default();
    let text_of = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).unwrap();
    let letters = text.lines().map(|line| {
        // An invalid record may have text that no string can hold.
        let mut letter: BTreeMap<&str, &RawValue> = serde_json::from_str(line).unwrap();
        let record = letter.remove("record").unwrap();
        let record: BTreeMap<&str, &RawValue> = serde_json::from_str(record.get()).unwrap();
        (text_of(record["target_id"]), text_of(letter["code"]))
    });
    letters.collect()
}

/// Waits until no record is pending.
pub(crate) async fn settled(recorder: &Recorder) {
    eventually("no record is pending", async || recorder.stats().pending == 0).await;
    assert_balanced(&recorder.stats());
}
