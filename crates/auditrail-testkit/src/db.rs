//! A database of its own for each test.

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
/// Where its last digit is odd, its connections go over TCP, else through a Unix socket, unless
/// `AUDITRAIL_TEST_TRANSPORT` says otherwise. A test that panics says over which.
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
    /// When there is no PostgreSQL to be had, with the reason.
    pub async fn empty() -> Self {
        Self::create("template1", None).await
    }

    /// A database with every migration applied, and the rights of each role granted.
    ///
    /// # Panics
    /// When there is no PostgreSQL to be had, with the reason.
    pub async fn migrated() -> Self {
        let template = template().await;
        Self::create(&template, None).await
    }

    /// As [`migrated`](Self::migrated), over this transport in every run. The server that
    /// `AUDITRAIL_TEST_URL` names is reached as that says.
    ///
    /// # Panics
    /// As there, and when `AUDITRAIL_TEST_URL` is set and TLS is wanted.
    pub async fn migrated_over(transport: Transport) -> Self {
        let template = template().await;
        Self::create(&template, Some(transport)).await
    }

    async fn create(template: &str, wanted: Option<Transport>) -> Self {
        let access = &shared_server::get().await.access;
        let number = random();
        let transport = access.transport(wanted.unwrap_or_else(|| Transport::chosen(number)));
        assert!(
            wanted != Some(Transport::Tls) || transport == Transport::Tls,
            "no certificate is known of the server of AUDITRAIL_TEST_URL; run this without it"
        );
        let name = format!("test_{number:016x}");
        let (admin, direct) = (access.over(transport), access.direct.clone());
        let mut db = connect(&direct).await;
        run(&mut db, &format!("create database {name} template {template} owner {OWNER}")).await;
        Self { admin, direct, transport, name }
    }

    /// What carries its connections.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Connects as the role that owns the database and may migrate it; no superuser.
    #[must_use]
    pub fn owner(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(OWNER)
    }

    /// Connects as the role of an application, which may add and read records and nothing else.
    #[must_use]
    pub fn app(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(APP)
    }

    /// Connects as the role of who may read records and nothing else.
    #[must_use]
    pub fn reader(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(READER)
    }

    /// Connects as the role of the HTTP service, which may also find, make and revoke keys.
    #[must_use]
    pub fn service(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name).username(SERVICE)
    }

    /// Connects as the superuser of the server.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name)
    }

    /// A pool of a few connections with these options.
    ///
    /// # Panics
    /// When no connection can be made.
    pub async fn pool(&self, options: PgConnectOptions) -> PgPool {
        let pool = PgPoolOptions::new().max_connections(8).connect_with(options).await;
        let over = self.transport;
        pool.unwrap_or_else(|e| panic!("cannot connect to {} over {over}: {e}", self.name))
    }

    /// One connection with these options.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn connect(&self, options: PgConnectOptions) -> PgConnection {
        connect(&options).await
    }

    /// Runs statements as the owner, to make what nobody else can.
    ///
    /// # Panics
    /// When one fails.
    pub async fn as_owner(&self, sql: &str) {
        run(&mut connect(&self.owner()).await, sql).await;
    }

    /// Locks a table against reading and writing until the connection is dropped, to hold up whoever
    /// asks it.
    ///
    /// # Panics
    /// When there is no such table.
    pub async fn lock(&self, table: &str) -> PgConnection {
        let mut owner = connect(&self.owner()).await;
        run(&mut owner, &format!("begin; lock table {table} in access exclusive mode")).await;
        owner
    }

    /// The URL of the database for a program started by a test, as the role `role` gives.
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
    #[expect(clippy::print_stderr, reason = "a test that failed shows what it ran with")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} was reached over {}", self.name, self.transport);
        }
        drop_database::spawn(self.direct.clone(), std::mem::take(&mut self.name));
    }
}

/// The name of a migrated database to clone, made by whoever needs it first.
async fn template() -> String {
    let direct = &shared_server::get().await.access.direct;
    let mut hash = Sha256::new();
    for migration in MigrationSet::embedded().migrations() {
        hash.update(migration.checksum().as_bytes());
    }
    hash.update(grants());
    let hash: [u8; 32] = hash.finalize().into();
    let name = format!("template_{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
    let mut db = connect(direct).await;
    run(&mut db, "select pg_advisory_lock(hashtext('auditrail testkit template'))").await;
    let there: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut db)
            .await
            .unwrap_or_else(|e| panic!("cannot look for the template: {e}"));
    if !there {
        make_template(&mut db, direct, &name).await;
    }
    // Closing the connection lets go of the lock.
    drop(db.close().await);
    name
}

/// Makes it under another name first: a template that is there is complete.
async fn make_template(db: &mut PgConnection, admin: &PgConnectOptions, name: &str) {
    run(db, &format!("drop database if exists {name}_new")).await;
    run(db, &format!("create database {name}_new owner {OWNER}")).await;
    let owner = admin.clone().database(&format!("{name}_new")).username(OWNER);
    let migrated = Runner::new(owner.clone()).up(None, &mut silent).await;
    migrated.unwrap_or_else(|e| panic!("cannot migrate the template: {e}"));
    let mut template = connect(&owner).await;
    run(&mut template, &grants()).await;
    template.close().await.unwrap_or_else(|e| panic!("cannot close the template: {e}"));
    run(db, &format!("alter database {name}_new rename to {name}")).await;
}

/// How often [`until`] asks, and how many times.
const ASK_EVERY: Duration = Duration::from_millis(20);
const ASK_TIMES: u32 = 1_500;

/// Asks `question`, a query for one boolean, until the answer is yes.
///
/// # Panics
/// When it is still no after half a minute, or cannot be asked.
pub async fn until(db: &mut PgConnection, question: &str) {
    for _ in 0..ASK_TIMES {
        let asked = sqlx::query_scalar(AssertSqlSafe(question.to_owned())).fetch_one(&mut *db);
        if asked.await.unwrap_or_else(|e| panic!("cannot ask `{question}`: {e}")) {
            return;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    panic!("never became true: {question}");
}

/// Asks until the answer is yes; `what` says what is waited for.
///
/// # Panics
/// When it is still no after half a minute.
pub async fn eventually(what: &str, mut question: impl AsyncFnMut() -> bool) {
    for _ in 0..ASK_TIMES {
        if question().await {
            return;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    panic!("never became true: {what}");
}
