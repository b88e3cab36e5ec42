//! A PostgreSQL server for one test that kills it, stops it or fills its disk.

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
/// Small, because several such servers run concurrently.
const SETTINGS: [(&str, &str); 4] = [
    ("max_connections", "60"),
    ("shared_buffers", "32MB"),
    ("autovacuum", "off"),
    ("min_wal_size", "80MB"),
];

/// A durable PostgreSQL server with one migrated database, for one test. It stops with this value, or when
/// the test process exits for any reason.
#[derive(Debug)]
pub struct OwnServer {
    // Dropped before the directory, so that the server has stopped when its files are removed.
    running: Option<LocalPostgres>,
    dir: TempDir,
    access: Access,
    transport: Transport,
    /// Keeps port and certificate across restarts.
    loopback: Loopback,
}

/// A copy of the data directory of a stopped [`OwnServer`].
#[derive(Debug)]
pub struct Saved(TempDir);

/// The target of SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// All processes of the server.
    Everything,
    /// The postmaster; the other processes then exit.
    Postmaster,
    /// The sessions. The server treats that as a crash, and recovers.
    Sessions,
}

impl OwnServer {
    /// Creates and starts a cluster with a migrated database and the privileges of each role. Half of these
    /// servers are reached over TCP, unless `AUDITRAIL_TEST_TRANSPORT` is set.
    ///
    /// # Panics
    /// If there is no PostgreSQL, with the reason.
    pub async fn start() -> Self {
        Self::start_over(Transport::chosen(random())).await
    }

    /// As [`start`](Self::start), over a given transport.
    ///
    /// # Panics
    /// As there.
    pub async fn start_over(transport: Transport) -> Self {
        let dir = TempDir::new().unwrap_or_else(|e| panic!("cannot create a directory: {e}"));
        let (running, loopback) = open_new(dir.path());
        let access = Access::private(&running).await;
        let mut db = connect(&access.direct).await;
        run(&mut db, &format!("create database {DATABASE} owner {OWNER}")).await;
        let server = Self { running: Some(running), dir, access, transport, loopback };
        let owner = server.admin().username(OWNER);
        Runner::new(owner.clone())
            .up(None, &mut silent)
            .await
            .unwrap_or_else(|e| panic!("cannot migrate: {e}"));
        run(&mut connect(&owner).await, &grants()).await;
        server
    }

    /// Options for the superuser.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        self.access.over(self.transport).database(DATABASE)
    }

    /// Options for the HTTP service.
    #[must_use]
    pub fn service(&self) -> PgConnectOptions {
        self.admin().username(SERVICE)
    }

    /// The URL for a child process, with the role of `role`.
    #[must_use]
    pub fn url(&self, role: &PgConnectOptions) -> String {
        transport::url(role, DATABASE)
    }

    /// Opens a connection as the superuser.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.admin()).await
    }

    /// Runs statements as the superuser.
    ///
    /// # Panics
    /// If one fails.
    pub async fn run(&self, sql: &str) {
        run(&mut self.connect().await, sql).await;
    }

    /// The transport of its connections.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The directory of its cluster.
    #[must_use]
    pub fn cluster(&self) -> PathBuf {
        self.dir.path().join("pg")
    }

    /// A standby of this server, which is read-only until it is promoted.
    ///
    /// # Panics
    /// If it cannot be created, with the output of `pg_basebackup`.
    #[must_use]
    pub fn standby(&self) -> Self {
        let Some(running) = &self.running else { panic!("a stopped server has no standby") };
        let dir = TempDir::new().unwrap_or_else(|e| panic!("cannot create a directory: {e}"));
        // `pg_basebackup` must run as the server's user, which is not root.
        let owner = fs::metadata(self.cluster()).unwrap_or_else(|e| panic!("no cluster: {e}"));
        let (uid, gid) = (owner.uid(), owner.gid());
        chown(dir.path(), Some(uid), Some(gid)).unwrap_or_else(|e| panic!("cannot chown: {e}"));
        let mut backup = Command::new(running.installation().bin_dir().join("pg_basebackup"));
        backup.args(["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--username"]);
        backup.arg(running.superuser()).arg("--host").arg(running.socket_dir());
        backup.arg("--port").arg(running.port().to_string());
        backup.arg("--pgdata").arg(dir.path().join("pg")).current_dir("/").uid(uid).gid(gid);
        let output = backup.output().unwrap_or_else(|e| panic!("cannot run pg_basebackup: {e}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (running, loopback) = open_new(dir.path());
        let access = self.access.standby(&running);
        Self { running: Some(running), dir, access, transport: self.transport, loopback }
    }

    /// Sends SIGKILL to its processes.
    ///
    /// # Panics
    /// If that fails.
    pub fn kill(&self, what: Kill) {
        let Some(running) = &self.running else { return };
        kill_server(running.postmaster_pid(), what);
    }

    /// Stops it in the given mode, and waits.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&mut self, mode: StopMode) {
        local_postgres::stop(self.dir.path(), mode)
            .unwrap_or_else(|e| panic!("cannot stop the server: {e}"));
        self.running = None;
    }

    /// Stops it, without waiting for its clients, and starts it again: settings of `alter system` take effect.
    ///
    /// # Panics
    /// If that fails.
    pub fn stop_and_start(&mut self) {
        self.stop(StopMode::Fast);
        self.restart();
    }

    /// Stops it, copies its data directory, and starts it again.
    ///
    /// # Panics
    /// If that fails.
    pub fn save(&mut self) -> Saved {
        self.stop(StopMode::Fast);
        let saved =
            Saved(TempDir::new().unwrap_or_else(|e| panic!("cannot create a directory: {e}")));
        copy(&self.cluster(), &saved.0.path().join("pg"));
        self.restart();
        saved
    }

    /// Replaces its data directory by an earlier copy, as after the loss of a disk: what was written since is gone.
    ///
    /// # Panics
    /// If that fails.
    pub fn go_back_to(&mut self, saved: &Saved) {
        self.stop(StopMode::Fast);
        fs::remove_dir_all(self.cluster()).unwrap_or_else(|e| panic!("cannot remove: {e}"));
        copy(&saved.0.path().join("pg"), &self.cluster());
        self.restart();
    }

    /// A program of the installation, such as `pg_dump`, that connects as the superuser. The caller names the database.
    ///
    /// # Panics
    /// If the server is stopped.
    #[must_use]
    pub fn tool(&self, program: &str) -> Command {
        let Some(running) = &self.running else { panic!("the server is stopped") };
        let mut tool = Command::new(running.installation().bin_dir().join(program));
        tool.arg("--host").arg(running.socket_dir()).arg("--port").arg(running.port().to_string());
        tool.arg("--username").arg(running.superuser());
        tool
    }

    /// Options for the superuser in another database of this server.
    #[must_use]
    pub fn other_database(&self, name: &str) -> PgConnectOptions {
        self.admin().database(name)
    }

    /// Starts it again, also while it is still stopping; does nothing if it runs.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        // Opened before the old value is dropped, because the last user to close stops the server.
        let running = open(self.dir.path(), &self.loopback);
        self.running = Some(running);
    }
}

/// Copies a directory with its owners.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("--archive").arg(from).arg(to).status();
    let copied = copied.unwrap_or_else(|e| panic!("cannot run cp: {e}"));
    assert!(copied.success(), "cannot copy {}", from.display());
}

/// Sends SIGKILL to processes of the server with this postmaster.
///
/// # Panics
/// If that fails.
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
            // It may have exited already.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => panic!("cannot kill {pid:?}: {error}"),
        }
    }
}

/// The child processes of a postmaster, and whether each serves a session.
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

/// Starts it on a free port, and returns the listener for restarts.
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
    LocalPostgres::open(config).unwrap_or_else(|e| panic!("no PostgreSQL for the test: {e}"))
}
