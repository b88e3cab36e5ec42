//! A service on its own listener, with API keys in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auditrail_core::{AuditLogService, CreateInput, CursorKey, OnInvalid, TenantId};
use auditrail_server::{
    App, AuthError, Authenticator, Connections, GroupWrites, Operations, Principal, Scope,
    ServerConfig, admin_router, limits, router, serve,
};
use auditrail_store::{GroupWriter, PgAuditLog, WriterLimits};
use auditrail_testkit::TestDb;
use axum::Router;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::client::Call;

/// Keys by their tokens: `read`, `write`, `export`, `admin` and `verify` with one scope each and for every
/// tenant; `all` with every scope; `all-t1` and `all-t2` the same, bound to a tenant.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    keys: HashMap<String, Principal>,
    broken: AtomicBool,
}

const SCOPES: [Scope; 5] = [Scope::Write, Scope::Read, Scope::Export, Scope::Admin, Scope::Verify];

impl Keys {
    fn new() -> Self {
        let mut keys = Self::default();
        for scope in SCOPES {
            keys.add(scope.as_str(), &[scope], None);
        }
        keys.add("all", &SCOPES, None);
        keys.add("all-t1", &SCOPES, Some("t1"));
        keys.add("all-t2", &SCOPES, Some("t2"));
        keys.add("write-t1", &[Scope::Write], Some("t1"));
        keys
    }

    fn add(&mut self, token: &str, scopes: &[Scope], tenant: Option<&str>) {
        let tenant = tenant.map(|text| text.parse::<TenantId>().unwrap());
        let principal = Principal {
            key_id: format!("key-{token}").into(),
            scopes: scopes.to_vec(),
            tenant,
            version: None,
        };
        self.keys.insert(token.to_owned(), principal);
    }

    /// From now on keys cannot be verified.
    pub(crate) fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Authenticator for Keys {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        Box::pin(async move {
            assert_ne!(token, "panic", "a handler may panic");
            if self.broken.load(Ordering::Relaxed) {
                return Err(AuthError::Unavailable("the store of keys is away".into()));
            }
            self.keys.get(token).cloned().ok_or(AuthError::Refused)
        })
    }
}

/// A running service and its database.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) db: TestDb,
    pub(crate) log: PgAuditLog,
    pub(crate) keys: Arc<Keys>,
    pub(crate) writer: GroupWriter,
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    /// Dropping it stops the service.
    _running: Running,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(ServerConfig::default()).await
    }

    pub(crate) async fn start_with(config: ServerConfig) -> Self {
        Self::start_limited(config, WriterLimits::default()).await
    }

    pub(crate) async fn start_limited(config: ServerConfig, limits: WriterLimits) -> Self {
        Self::start_in(TestDb::migrated().await, config, limits).await
    }

    /// Starts with this database.
    pub(crate) async fn start_in(db: TestDb, config: ServerConfig, limits: WriterLimits) -> Self {
        let key = CursorKey::new([7; 32]);
        let log = PgAuditLog::new(db.pool(db.service()).await, key);
        let keys = Arc::new(Keys::new());
        let writer = GroupWriter::start(db.service(), limits);
        let writes = GroupWrites::new(writer.clone(), log.clone(), config.write_timeout);
        let app = App::new(config.clone(), log.clone(), Arc::clone(&keys), writes);
        app.start_background_tasks();
        let running = Running::start(router(app.clone()), config).await;
        let address = running.address;
        Self { db, log, keys, writer, app, address, _running: running }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        Call::new(self.address, "GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        Call::new(self.address, "POST", path)
    }

    /// The number of requests that follow the log.
    pub(crate) async fn tails(&self) -> usize {
        let admin = Running::admin(&self.app, None).await;
        let metrics = admin.get("/metrics").send().await;
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("auditrail_tails "));
        line.unwrap().parse().unwrap()
    }

    /// Writes records directly to the store.
    pub(crate) async fn write(&self, records: Vec<Value>) {
        let inputs = records.iter().map(input).collect();
        self.log.create_many(inputs, OnInvalid::Refuse).await.unwrap();
    }
}

/// A JSON record as input.
pub(crate) fn input(record: &Value) -> CreateInput {
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    CreateInput::from_json(record.to_string().as_bytes(), now).unwrap()
}

/// A router that is being served.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<bool>,
}

impl Running {
    pub(crate) async fn start(router: Router, config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let connections = Connections::new(config.connections_max, config.unauthenticated_max);
            serve(listener, router, &config, &connections, async { drop(stopped.await) }).await
        });
        Self { address, stop, task }
    }

    /// The admin listener of a service.
    pub(crate) async fn admin(app: &App, writer: Option<GroupWriter>) -> Self {
        let operations = Operations::new(app, writer);
        Self::start(admin_router(operations), ServerConfig::default()).await
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        Call::new(self.address, "GET", path)
    }

    /// Begins the shutdown, and returns the handle to wait for.
    pub(crate) fn begin_stop(self) -> JoinHandle<bool> {
        self.stop.send(()).unwrap();
        self.task
    }

    pub(crate) async fn stop(self) -> bool {
        self.begin_stop().await.unwrap()
    }
}

/// The state of a service over this log.
pub(crate) fn app(log: PgAuditLog) -> App {
    let writes = writes(&log);
    App::new(ServerConfig::default(), log, Keys::new(), writes)
}

/// As [`app`], with these settings.
pub(crate) fn app_with(config: ServerConfig, log: PgAuditLog) -> App {
    let writes = writes(&log);
    App::new(config, log, Keys::new(), writes)
}

/// A writer with the connection options of this log.
pub(crate) fn writes(log: &PgAuditLog) -> GroupWrites {
    let options = log.pool().connect_options().as_ref().clone();
    let writer = GroupWriter::start(options, WriterLimits::default());
    GroupWrites::new(writer, log.clone(), limits::WRITE_TIMEOUT)
}

/// A record as JSON; id and time are derived from the number.
pub(crate) fn record(number: u32, tenant: Option<&str>) -> Value {
    serde_json::json!({
        "id": uuid::Uuid::from_u128(number.into()).to_string(),
        "actor_type": "user",
        "actor_id": format!("u{}", number % 3),
        "action": if number.is_multiple_of(2) { "project.created" } else { "project.deleted" },
        "target_type": "project",
        "target_id": format!("p{number}"),
        "metadata": {"plan": "pro"},
        "tenant_id": tenant,
        "created_at": format!("2026-01-02T03:{:02}:{:02}Z", number / 60, number % 60),
    })
}
