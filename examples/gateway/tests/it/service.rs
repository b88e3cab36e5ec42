//! The real service in this process. The tests of the other examples share this file.

use std::sync::Arc;

use auditrail_core::{AuditLogService, CursorKey, PageSize, Query, Record};
use auditrail_server::{
    App, AuthError, Authenticator, GroupWrites, Principal, Scope, ServerConfig, router, serve,
};
use auditrail_store::{GroupWriter, PgAuditLog, WriterLimits};
use auditrail_testkit::TestDb;
use futures_util::future::{BoxFuture, ready};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The API key of the service.
pub(crate) const KEY: &str = "adt_test_0123456789abcdefghijklmnopqrst_000000";

/// Accepts [`KEY`].
struct Keys;

impl Authenticator for Keys {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        let principal = || Principal {
            key_id: "key-1".into(),
            scopes: vec![Scope::Write, Scope::Read],
            tenant: None,
            version: None,
        };
        let known = Some(token).filter(|token| *token == KEY);
        Box::pin(ready(known.map(|_| principal()).ok_or(AuthError::Refused)))
    }
}

/// A running service and its database.
pub(crate) struct Service {
    /// The base URL.
    pub(crate) url: String,
    log: PgAuditLog,
    _db: TestDb,
    /// Shuts the service down when dropped.
    _stop: oneshot::Sender<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let db = TestDb::migrated().await;
        let config = ServerConfig::default();
        let log = PgAuditLog::new(db.pool(db.service()).await, CursorKey::new([7; 32]));
        let writer = GroupWriter::start(db.service(), WriterLimits::default());
        let writes = GroupWrites::new(writer, log.clone(), config.write_timeout);
        let app = App::new(config.clone(), log.clone(), Arc::new(Keys), writes);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            let connections = app.connections().clone();
            serve(listener, router(app), &config, &connections, async { drop(stopped.await) }).await
        });
        Self { url, log, _db: db, _stop: stop }
    }

    /// The newest thousand records.
    pub(crate) async fn stored(&self) -> Vec<Record> {
        let query = Query { limit: PageSize::new(1_000).unwrap(), ..Query::default() };
        self.log.query(&query).await.unwrap().records
    }
}
