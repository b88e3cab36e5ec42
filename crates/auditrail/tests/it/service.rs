//! Runs `auditrail serve` as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;

use auditrail_core::{Actor, NewApiKey, RequestContext, Scope, ScopeSet};
use auditrail_store::PgApiKeys;
use auditrail_testkit::TestDb;
use auditrail_testkit::http::Call;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use crate::sandbox::Sandbox;

/// A running `auditrail serve`, killed on drop.
pub(crate) struct Service {
    child: Child,
    /// Its JSON document on stdout.
    pub(crate) ready: Value,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    stderr: Option<JoinHandle<String>>,
}

impl Service {
    /// Starts the service on free ports, and waits until it accepts requests.
    pub(crate) fn start(sandbox: &Sandbox, more: &[&str]) -> Self {
        Self::try_start(sandbox, more).unwrap_or_else(|(status, err)| panic!("{status}: {err}"))
    }

    /// As [`start`](Self::start). Returns the exit status and stderr if the service fails to start.
    pub(crate) fn try_start(
        sandbox: &Sandbox,
        more: &[&str],
    ) -> Result<Self, (ExitStatus, String)> {
        let mut args =
            vec!["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        args.extend(more);
        let mut command = sandbox.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut err = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            drop(err.read_to_string(&mut text));
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            return Err((child.wait().unwrap(), stderr.join().unwrap()));
        }
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| {
            let url = ready[name].as_str().unwrap();
            url.strip_prefix("http://").unwrap().parse().unwrap()
        };
        let admin = address("admin_listen");
        let address = address("listen");
        Ok(Self { child, ready, address, admin, stderr: Some(stderr) })
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        Call::new(self.address, "GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        Call::new(self.address, "POST", path)
    }

    /// The metrics of the admin listener.
    pub(crate) async fn metrics(&self) -> String {
        let metrics = Call::new(self.admin, "GET", "/metrics").send().await;
        String::from_utf8(metrics.body.to_vec()).unwrap()
    }

    /// Resident memory of the process, in bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<usize>().unwrap() * 1_024
    }

    /// The result of a future, and the most resident memory of the process until then, in bytes.
    pub(crate) async fn peak_bytes_during<F: Future>(&self, future: F) -> (F::Output, usize) {
        let mut future = std::pin::pin!(future);
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
        let mut peak = 0;
        loop {
            tokio::select! {
                output = &mut future => return (output, peak.max(self.resident_bytes())),
                _ = ticks.tick() => peak = peak.max(self.resident_bytes()),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the exit. Returns the exit code and stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        (status.code(), self.stderr.take().unwrap().join().unwrap())
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.end()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Creates a key with every scope.
pub(crate) async fn key(db: &TestDb) -> String {
    key_in(db.service()).await
}

/// Creates a key with every scope, connecting with these options.
pub(crate) async fn key_in(service: PgConnectOptions) -> String {
    let keys = PgApiKeys::new(PgPool::connect_with(service).await.unwrap());
    let new = NewApiKey {
        env: "test".parse().unwrap(),
        name: None,
        scopes: ScopeSet::new(Scope::ALL).unwrap(),
        tenant_id: None,
        expires_at: None,
    };
    let made = keys.create(&new, &Actor::user("u1").unwrap(), &RequestContext::default()).await;
    made.unwrap().secret.expose().to_owned()
}
