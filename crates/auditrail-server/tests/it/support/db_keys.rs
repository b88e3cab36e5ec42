//! A service with API keys in the database, running as the service role.

use std::time::Duration;

use auditrail_core::{Actor, ApiKeyEnv, CursorKey, NewApiKey, RequestContext, Scope, ScopeSet};
use auditrail_server::{App, ServerConfig, StoredKeys, router};
use auditrail_store::{IssuedApiKey, PgApiKeys, PgAuditLog, Sessions};
use auditrail_testkit::TestDb;

use crate::support::client::{Answer, Call};
use crate::support::service::{Running, writes};

/// A running service, its keys and its database.
#[derive(Debug)]
pub(crate) struct ServiceWithDbKeys {
    pub(crate) db: TestDb,
    pub(crate) keys: PgApiKeys,
    pub(crate) log: PgAuditLog,
    pub(crate) running: Running,
    pub(crate) app: App,
}

impl ServiceWithDbKeys {
    pub(crate) async fn start() -> Self {
        Self::start_with(ServerConfig::default()).await
    }

    pub(crate) async fn start_with(config: ServerConfig) -> Self {
        Self::start_in(TestDb::migrated().await, config).await
    }

    /// Starts with this database.
    pub(crate) async fn start_in(db: TestDb, config: ServerConfig) -> Self {
        let pool = db.pool(db.service()).await;
        let sessions = Sessions::new(&db.service(), 8, Duration::from_secs(5));
        let keys = PgApiKeys::new(pool.clone()).with_sessions(sessions.clone());
        let log = PgAuditLog::new(pool, CursorKey::new([7; 32])).with_sessions(sessions);
        let app =
            App::new(config.clone(), log.clone(), StoredKeys::new(keys.clone()), writes(&log));
        let running = Running::start(router(app.clone()), config).await;
        Self { db, keys, log, running, app }
    }

    /// Creates a key.
    pub(crate) async fn key(&self, scopes: &[Scope], tenant: Option<&str>) -> IssuedApiKey {
        let new = NewApiKey {
            env: ApiKeyEnv::default(),
            name: None,
            scopes: ScopeSet::new(scopes.iter().copied()).unwrap(),
            tenant_id: tenant.map(|text| text.parse().unwrap()),
            expires_at: None,
        };
        self.keys.create(&new, &Actor::System, &RequestContext::default()).await.unwrap()
    }

    /// Creates a key and returns its secret.
    pub(crate) async fn token(&self, scopes: &[Scope], tenant: Option<&str>) -> String {
        self.key(scopes, tenant).await.secret.expose().to_owned()
    }

    /// Creates a revoked key.
    pub(crate) async fn revoked(&self, scopes: &[Scope], tenant: Option<&str>) -> String {
        let issued = self.key(scopes, tenant).await;
        let here = RequestContext::default();
        self.keys.revoke(issued.key.id, None, &Actor::System, &here).await.unwrap().unwrap();
        issued.secret.expose().to_owned()
    }

    /// Creates an expired key. The API cannot do that, so its times are moved back by SQL.
    pub(crate) async fn expired(&self, scopes: &[Scope], tenant: Option<&str>) -> String {
        let issued = self.key(scopes, tenant).await;
        let expire = format!(
            "update control_plane.audit_api_keys
                set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'
              where id = '{}'",
            issued.key.id
        );
        self.db.as_owner(&expire).await;
        issued.secret.expose().to_owned()
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.running.address, method, path)
    }

    /// Sends a GET request with a key.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path).key(token).send().await
    }
}
