//! A database for each test.

use std::thread;
use std::time::Duration;

use auditrail_store::migrate::{MigrationSet, Runner, silent};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use crate::connection::{connect, random, run};
use crate::drop_database;
use crate::roles::{APP, OWNER, READER, SERVICE, grants};
use crate::shared_server;
use crate::transport::{self, Transport};

/// A database that is dropped with this value.
///
/// Connections use TCP if the last digit of its name is odd, else a Unix socket, unless
/// `AUDITRAIL_TEST_TRANSPORT` is set. A panicking test prints the transport.
#[derive(Debug)]
pub struct TestDb {
    admin: PgConnectOptions,
    direct: PgConnectOptions,
    transport: Transport,
    name: String,
}

impl TestDb {
    /// An empty database, owned by a role that is no superuser.
    ///
    /// # Panics
    /// If there is no PostgreSQL, with the reason.
    pub async fn empty() -> Self {
        Self::create("template1", None).await
    }

    /// A database with all migrations, and the privileges of each role.
    ///
    /// # Panics
    /// If there is no PostgreSQL, with the reason.
    pub async fn migrated() -> Self {
        let template = template().await;
        Self::create(&template, None).await
    }

    /// As [`migrated`](Self::migrated), over a given transport; a server in `AUDITRAIL_TEST_URL` is
    /// reached as its URL says.
    ///
    /// # Panics
    /// As there, and for TLS if `AUDITRAIL_TEST_URL` is set.
    pub async fn migrated_over(transport: Transport) -> Self {
        let template = template().await;
        Self::create(&template, Some(transport)).await
    }

    async fn create(template: &str, requested: Option<Transport>) -> Self {
        let access = &shared_server::get().await.access;
        let number = random();
        let transport = access.transport(requested.unwrap_or_else(|| Transport::chosen(number)));
        assert!(
            requested != Some(Transport::Tls) || transport == Transport::Tls,
            "the certificate of the server in AUDITRAIL_TEST_URL is unknown; unset the variable"
        );
        let name = format!("test_{number:016x}");
        let (admin, direct) = (access.over(transport), access.direct.clone());
        let mut db = connect(&direct).await;
        run(&mut db, &format!("create database {name} template {template} owner {OWNER}")).await;
        Self { admin, direct, transport, name }
    }

    /// The transport of its connections.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Options for the owner of the database, which may migrate it and is no superuser.
    #[must_use]
    pub fn owner(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(OWNER)
    }

    /// Options for an application, which may only add and read records.
    #[must_use]
    pub fn app(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(APP)
    }

    /// Options for a reader, which may only read records.
    #[must_use]
    pub fn reader(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(READER)
    }

    /// Options for the HTTP service, which may also look up, create and revoke API keys.
    #[must_use]
    pub fn service(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(SERVICE)
    }

    /// Options for the superuser of the server.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name)
    }

    /// A pool of up to eight connections.
    ///
    /// # Panics
    /// If no connection can be opened.
    pub async fn pool(&self, options: PgConnectOptions) -> PgPool {
        let pool = PgPoolOptions::new().max_connections(8).connect_with(options).await;
        let over = self.transport;
        pool.unwrap_or_else(|e| panic!("cannot connect to {} over {over}: {e}", self.name))
    }

    /// Opens a connection.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn connect(&self, options: PgConnectOptions) -> PgConnection {
        connect(&options).await
    }

    /// Runs statements as the owner.
    ///
    /// # Panics
    /// If one fails.
    pub async fn as_owner(&self, sql: &str) {
        run(&mut connect(&self.owner()).await, sql).await;
    }

    /// Locks a table against reads and writes until the connection is dropped, so that queries block.
    ///
    /// # Panics
    /// If there is no such table.
    pub async fn lock(&self, table: &str) -> PgConnection {
        let mut owner = connect(&self.owner()).await;
        run(&mut owner, &format!("begin; lock table {table} in access exclusive mode")).await;
        owner
    }

    /// The URL of the database for a child process, with the role of `role`.
    #[must_use]
    pub fn url(&self, role: &PgConnectOptions) -> String {
        transport::url(role, &self.name)
    }

    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDb {
    #[expect(clippy::print_stderr, reason = "a failing test prints its transport")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the transport of {} was {}", self.name, self.transport);
        }
        drop_database::spawn(self.direct.clone(), std::mem::take(&mut self.name));
    }
}

/// The name of the migrated template database, created on first use.
async fn template() -> String {
    let direct = &shared_server::get().await.access.direct;
    let mut hash = Sha256::new();
    for migration in MigrationSet::embedded().migrations() {
        hash.update(migration.checksum().as_bytes());
    }
    hash.update(grants());
    // The layout of the table, which is no migration.
    hash.update("partitioned");
    let hash: [u8; 32] = hash.finalize().into();
    let name = format!("template_{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
    let mut db = connect(direct).await;
    run(&mut db, "select pg_advisory_lock(hashtext('auditrail testkit template'))").await;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut db)
            .await
            .unwrap_or_else(|e| panic!("cannot look for the template: {e}"));
    if !exists {
        create_template(&mut db, direct, &name).await;
    }
    // Releases the lock.
    drop(db.close().await);
    name
}

/// Creates it under another name first, so that an existing template is complete.
async fn create_template(db: &mut PgConnection, admin: &PgConnectOptions, name: &str) {
    run(db, &format!("drop database if exists {name}_new")).await;
    run(db, &format!("create database {name}_new owner {OWNER}")).await;
    let owner = admin.clone().database(&format!("{name}_new")).username(OWNER);
    let applied = Runner::new(owner.clone())
        .up(None, &mut silent)
        .await
        .unwrap_or_else(|e| panic!("cannot migrate the template: {e}"));
    assert_eq!(applied.not_partitioned, None, "the template is not partitioned");
    let mut template = connect(&owner).await;
    run(&mut template, &grants()).await;
    template.close().await.unwrap_or_else(|e| panic!("cannot close the template: {e}"));
    run(db, &format!("alter database {name}_new rename to {name}")).await;
}

/// The interval and number of polls of [`until`] and [`eventually`].
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const POLLS: u32 = 1_500;

/// Polls a query for one boolean until it is true.
///
/// # Panics
/// If it is still false after half a minute, or fails.
pub async fn until(db: &mut PgConnection, query: &str) {
    for _ in 0..POLLS {
        let is_true: bool = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut *db)
            .await
            .unwrap_or_else(|e| panic!("`{query}` failed: {e}"));
        if is_true {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    panic!("timed out waiting for: {query}");
}

/// Polls a condition until it is true; `description` is for the panic.
///
/// # Panics
/// If it is still false after half a minute.
pub async fn eventually(description: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..POLLS {
        if condition().await {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    panic!("timed out waiting for: {description}");
}
