//! A PostgreSQL of a test's own, for tests that kill it, stop it or fill its disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use auditrail_store::migrate::{Runner, silent};
use local_postgres::{Config, LocalPostgres, Loopback, Search, StopMode};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use crate::access::Access;
use crate::connection::{connect, random, run};
use crate::roles::{OWNER, SERVICE, grants};
use crate::transport::{self, Identity, Transport};

const DATABASE: &str = "audit";
/// Nothing here needs more, and several such servers run side by side.
const SETTINGS: [(&str, &str); 4] = [
    ("max_connections", "60"),
    ("shared_buffers", "32MB"),
    ("autovacuum", "off"),
    ("min_wal_size", "80MB"),
];

/// A durable PostgreSQL with one migrated database, which nobody else uses. It ends with this value,
/// or with the test process however that ends.
#[derive(Debug)]
pub struct OwnServer {
    // Before the folder, so that the server has ended when its files are removed.
    running: Option<LocalPostgres>,
    dir: TempDir,
    access: Access,
    transport: Transport,
    /// So that it comes back at the same port with the same certificate.
    loopback: Loopback,
}

/// What `kill -9` hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Every process of the server at once, as when the machine's memory ran out for good.
    Everything,
    /// The first process alone; the others find out and end.
    Postmaster,
    /// The sessions. The server takes that for a crash, and recovers by itself.
    Sessions,
}

impl OwnServer {
    /// Makes a cluster, starts it, and migrates a database with the rights of each role granted. Half of
    /// these servers are reached over TCP, unless `AUDITRAIL_TEST_TRANSPORT` says otherwise.
    ///
    /// # Panics
    /// When there is no PostgreSQL to be had, with the reason.
    pub async fn start() -> Self {
        Self::start_over(Transport::chosen(random())).await
    }

    /// As [`start`](Self::start), over this transport in every run.
    ///
    /// # Panics
    /// As there.
    pub async fn start_over(transport: Transport) -> Self {
        let dir = TempDir::new().unwrap_or_else(|e| panic!("cannot make a folder: {e}"));
        let (running, loopback) = open_new(dir.path());
        let access = Access::private(&running).await;
        let mut db = connect(&access.direct).await;
        run(&mut db, &format!("create database {DATABASE} owner {OWNER}")).await;
        let server = Self { running: Some(running), dir, access, transport, loopback };
        let owner = server.admin().username(OWNER);
        let migrated = Runner::new(owner.clone()).up(None, &mut silent).await;
        migrated.unwrap_or_else(|e| panic!("cannot migrate: {e}"));
        run(&mut connect(&owner).await, &grants()).await;
        server
    }

    /// Connects as the superuser.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        self.access.over(self.transport).database(DATABASE)
    }

    /// Connects as the role of the HTTP service.
    #[must_use]
    pub fn service(&self) -> PgConnectOptions {
        self.admin().username(SERVICE)
    }

    /// The URL for a program started by a test, as the role `role` gives.
    #[must_use]
    pub fn url(&self, role: &PgConnectOptions) -> String {
        transport::url(role, DATABASE)
    }

    /// One connection as the superuser.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.admin()).await
    }

    /// Runs statements as the superuser.
    ///
    /// # Panics
    /// When one fails.
    pub async fn run(&self, sql: &str) {
        run(&mut self.connect().await, sql).await;
    }

    /// What carries its connections.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The folder of its cluster.
    #[must_use]
    pub fn cluster(&self) -> PathBuf {
        self.dir.path().join("pg")
    }

    /// A standby of this server, which follows it and takes no writes until it is promoted.
    ///
    /// # Panics
    /// When it cannot be made, with what `pg_basebackup` said.
    #[must_use]
    pub fn standby(&self) -> Self {
        let Some(running) = &self.running else { panic!("a stopped server has no standby") };
        let dir = TempDir::new().unwrap_or_else(|e| panic!("cannot make a folder: {e}"));
        // The server does not run as root, and neither may who makes its files.
        let owner = fs::metadata(self.cluster()).unwrap_or_else(|e| panic!("no cluster: {e}"));
        let (uid, gid) = (owner.uid(), owner.gid());
        chown(dir.path(), Some(uid), Some(gid)).unwrap_or_else(|e| panic!("cannot chown: {e}"));
        let mut backup = Command::new(running.installation().bin_dir().join("pg_basebackup"));
        backup.args(["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--username"]);
        backup.arg(running.superuser()).arg("--host").arg(running.socket_dir());
        backup.arg("--port").arg(running.port().to_string());
        backup.arg("--pgdata").arg(dir.path().join("pg")).current_dir("/").uid(uid).gid(gid);
        let told = backup.output().unwrap_or_else(|e| panic!("cannot run pg_basebackup: {e}"));
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let (running, loopback) = open_new(dir.path());
        let access = self.access.standby(&running);
        Self { running: Some(running), dir, access, transport: self.transport, loopback }
    }

    /// Kills it, or a part of it, without a warning.
    ///
    /// # Panics
    /// When that is not possible.
    pub fn kill(&self, what: Kill) {
        let Some(running) = &self.running else { return };
        kill_server(running.postmaster_pid(), what);
    }

    /// Ends it in order or at once, and waits for that.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self, mode: StopMode) {
        let stopped = local_postgres::stop(self.dir.path(), mode);
        stopped.unwrap_or_else(|e| panic!("cannot stop the server: {e}"));
        self.running = None;
    }

    /// Starts it again where it left off; it may still be ending. One that runs is left as it is.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        // First, since whoever leaves as the last one stops the server.
        let again = open(self.dir.path(), &self.loopback);
        self.running = Some(again);
    }
}

/// Kills the server with this process id, or a part of it.
///
/// # Panics
/// When that is not possible.
pub fn kill_server(postmaster: u32, what: Kill) {
    let sessions = children(postmaster);
    let children = sessions.iter().filter(|(_, is_session)| match what {
        Kill::Everything => true,
        Kill::Postmaster => false,
        Kill::Sessions => *is_session,
    });
    let first = (what != Kill::Sessions).then_some(postmaster);
    for pid in first.into_iter().chain(children.map(|(pid, _)| *pid)) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.unwrap_or_else(|| panic!("no process id"));
        match kill_process(pid, Signal::KILL) {
            // It may have ended by itself.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => panic!("cannot kill {pid:?}: {error}"),
        }
    }
}

/// The processes of a server, and for each whether it serves a session.
fn children(postmaster: u32) -> Vec<(u32, bool)> {
    let list = format!("/proc/{postmaster}/task/{postmaster}/children");
    let list = fs::read_to_string(list).unwrap_or_default();
    let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
    let process = |pid: u32| {
        let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        (pid, title.contains(DATABASE))
    };
    pids.map(process).collect()
}

/// Opens it at some port, and gives the listener to open it with again.
fn open_new(dir: &Path) -> (LocalPostgres, Loopback) {
    let Identity { certificate, key } = Identity::new();
    let running = open(dir, &Loopback::any_port().tls(&certificate, &key));
    let port = running.loopback_port().unwrap_or_else(|| panic!("the server has no port"));
    (running, Loopback::port(port).tls(certificate, key))
}

fn open(dir: &Path, loopback: &Loopback) -> LocalPostgres {
    let bin = std::env::var_os("AUDITRAIL_PG_BIN").map(PathBuf::from);
    let config = Config::new(dir).search(Search::usual().with_bin_dir(bin));
    let config = config.loopback(loopback.clone());
    let config =
        SETTINGS.iter().fold(config, |config, (name, value)| config.setting(*name, *value));
    LocalPostgres::open(config).unwrap_or_else(|e| panic!("the test needs a PostgreSQL: {e}"))
}
