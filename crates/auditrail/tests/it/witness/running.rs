//! `witness serve` as a child process, and a log in memory.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use auditrail_witness::{ConsistencySource, WitnessClient};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tlog::{
    Algorithm, Checkpoint, Hash, SignedNote, SigningKey, Span, Tiles, consistency, leaf_hash,
};

use crate::sandbox::Sandbox;

pub(super) const ORIGIN: &str = "log.example/audit";

pub(super) fn log_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[seed; 32])
}

/// A log of 250 entries.
pub(super) struct Log(Tiles);

impl Log {
    /// With entries that begin with `prefix`: logs with other prefixes have other roots.
    pub(super) fn new(prefix: &str) -> Self {
        let leaves = (0..250).map(|number| leaf_hash(format!("{prefix} {number}").as_bytes()));
        let mut tiles = Tiles::default();
        tiles.insert(0, 0, leaves.collect());
        Self(tiles)
    }

    /// The root as text.
    pub(super) fn root(&self, size: u64) -> String {
        self.0.span(Span::tree(size)).unwrap().to_string()
    }

    pub(super) fn checkpoint(&self, size: u64) -> SignedNote {
        let root = self.0.span(Span::tree(size)).unwrap();
        let mut note = Checkpoint::new(ORIGIN, size, root).unwrap().to_note().unwrap();
        note.sign(&log_key(1), 0);
        note
    }
}

impl ConsistencySource for Log {
    type Error = Infallible;

    async fn proof(&self, from: u64, to: u64) -> Result<Vec<Hash>, Infallible> {
        Ok(self.0.proof(&consistency::spans(from, to).unwrap()).unwrap())
    }
}

/// A running `witness serve`, killed on drop.
pub(super) struct Running {
    child: Child,
    /// Its JSON document on stdout.
    ready: Value,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it on a free port, and waits until it accepts requests.
    pub(super) fn start(sandbox: &Sandbox, args: &[String]) -> Self {
        let more = ["--json", "--listen", "127.0.0.1:0"].map(str::to_owned);
        let mut command = sandbox.command(&[args, &more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            drop(err.read_to_string(&mut text));
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            panic!("{}: {}", child.wait().unwrap(), stderr.join().unwrap());
        }
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, ready, stderr: Some(stderr) }
    }

    /// A client without any state.
    pub(super) fn client(&self) -> WitnessClient {
        let text = |name: &str| self.ready[name].as_str().unwrap();
        let keys = vec![text("key").parse().unwrap()];
        WitnessClient::new(text("listen"), keys, Duration::from_secs(30)).unwrap()
    }

    /// As `kill -9`, without waiting for the end of the process.
    pub(super) fn send_kill(&self) {
        kill_process(Pid::from_child(&self.child), Signal::KILL).unwrap();
    }

    /// As `kill -9`.
    pub(super) fn kill(self) {
        drop(self);
    }

    /// Sends a signal, and waits for the exit. Returns the exit code and the log.
    pub(super) fn stop(mut self, signal: Signal) -> (Option<i32>, Vec<Value>) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let code = self.child.wait().unwrap().code();
        let text = self.stderr.take().unwrap().join().unwrap();
        (code, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
