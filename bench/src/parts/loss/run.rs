//! One run: load, kill, restart, retries, count.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::tally::{Random, Tally};
use crate::harness::load::Load;
use crate::harness::peers::{Peer, Server};
use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};

/// Connections of the load.
pub(super) const CONNECTIONS: u16 = 16;
/// How long retries may take until all requests are acknowledged.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two retries.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Maximum duration of one retry in seconds; it ends when all requests are sent.
const RETRY_SECONDS: u32 = 30;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Server,
    Postgres,
}

impl Killed {
    /// Its name in the report.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Server => "kill -9 of the server",
            Self::Postgres => "kill -9 of PostgreSQL",
        }
    }
}

/// The inputs of all runs.
pub(super) struct Runs<'a> {
    pub(super) testbed: &'a Testbed,
    /// The load client.
    pub(super) client: PathBuf,
    /// The records that it sends.
    pub(super) records: PathBuf,
    pub(super) seconds: u32,
    pub(super) transport: Transport,
    pub(super) random: Random,
}

/// The files in which the client saves the outcomes of its requests.
struct Outcomes {
    dir: tempfile::TempDir,
}

impl Runs<'_> {
    pub(super) fn run(&mut self, peer: &Peer, killed: Killed, part: &mut Part) -> Result<()> {
        let outcomes = Outcomes::new(&self.testbed.bench.dir)?;
        let empty = self.testbed.empty("bench_loss")?;
        let server = Server::start(peer, empty.database(self.transport)?)?;
        let load =
            Load::new(&self.client, &server, peer.side.single(), (CONNECTIONS, self.seconds));
        let load =
            load.with("--bodies", &self.records).with("--ids-to", outcomes.path("first.ids"));
        let loading = load.with("--open-to", outcomes.path("open.ndjson")).start()?;
        let millis = u64::from(self.seconds) * 1_000;
        let moment = self.random.between(millis * 3 / 10, millis * 8 / 10);
        #[expect(clippy::disallowed_methods, reason = "the moment is random")]
        thread::sleep(Duration::from_millis(moment));
        let (mut server, has_exited) = self.kill(peer, killed, server, &empty)?;
        // Failed requests are expected.
        let report = loading.wait()?;
        if report.records < 1.0 {
            let side = peer.side.name();
            return Err(Error::Refused(format!("{side} acknowledged no record")));
        }
        let before_retries = self.count(&outcomes, &empty)?.doubled;
        let pending = outcomes.lines("open.ndjson")?;
        self.retry(peer, &server, &outcomes)?;
        let tally = self.count(&outcomes, &empty)?;
        server.kill()?;

        let figures = [
            ("acknowledged", tally.acknowledged),
            ("lost", tally.lost),
            ("doubled", tally.doubled),
            ("doubled before retries", before_retries),
            ("not acknowledged", pending),
        ];
        for (metric, records) in figures {
            part.add(killed.name(), peer.side.name(), (metric, "records"), amount(records));
        }
        let exits = ("ended by itself", "times");
        part.add(killed.name(), peer.side.name(), exits, amount(usize::from(has_exited)));
        println!(
            "    {:<20} killed after {moment:>4} ms: {} acknowledged, {} lost, {} doubled, {pending} not acknowledged{}",
            peer.side.name(),
            tally.acknowledged,
            tally.lost,
            tally.doubled,
            if has_exited { "; it exited" } else { "" }
        );
        Ok(())
    }

    /// Kills one of the two and restarts it; also returns whether the server exited without PostgreSQL.
    fn kill(
        &self,
        peer: &Peer,
        killed: Killed,
        mut server: Server,
        empty: &ScratchDatabase<'_>,
    ) -> Result<(Server, bool)> {
        if killed == Killed::Server {
            server.kill()?;
            return Ok((server.restart(peer, empty.database(self.transport)?)?, false));
        }
        let postmaster = self.testbed.cluster.postmaster().and_then(|pid| i32::try_from(pid).ok());
        let postmaster = postmaster.and_then(Pid::from_raw);
        let postmaster =
            postmaster.ok_or_else(|| Error::Refused("PostgreSQL is not running".to_owned()))?;
        kill_process(postmaster, Signal::KILL)
            .map_err(|error| Error::Refused(format!("cannot kill PostgreSQL: {error}")))?;
        self.testbed.cluster.restart()?;
        if server.has_exited()? {
            Ok((server.restart(peer, empty.database(self.transport)?)?, true))
        } else {
            Ok((server, false))
        }
    }

    /// Retries until every request is acknowledged.
    fn retry(&self, peer: &Peer, server: &Server, outcomes: &Outcomes) -> Result<()> {
        let start = Instant::now();
        let mut pending = outcomes.lines("open.ndjson")?;
        while pending > 0 {
            let route = peer.side.single();
            let load = Load::new(&self.client, server, route, (CONNECTIONS, RETRY_SECONDS));
            let load = load.with("--again", outcomes.path("open.ndjson"));
            let load = load.with("--ids-to", outcomes.path("again.ids"));
            load.with("--open-to", outcomes.path("still.ndjson")).start()?.wait()?;
            outcomes.append("again.ids", "first.ids")?;
            outcomes.rename("still.ndjson", "open.ndjson")?;
            pending = outcomes.lines("open.ndjson")?;
            if pending > 0 && start.elapsed() > RETRY_TIMEOUT {
                let side = peer.side.name();
                return Err(Error::Refused(format!(
                    "{side} does not acknowledge {pending} requests"
                )));
            }
            #[expect(clippy::disallowed_methods, reason = "a server offers no event to wait for")]
            thread::sleep(RETRY_PAUSE);
        }
        Ok(())
    }

    fn count(&self, outcomes: &Outcomes, empty: &ScratchDatabase<'_>) -> Result<Tally> {
        let ids = "select request_id from control_plane.audit_logs where request_id like 'load-%'";
        Ok(Tally::of(&outcomes.read("first.ids")?, &empty.sql(ids)?))
    }
}

impl Outcomes {
    fn new(below: &Path) -> Result<Self> {
        let dir = tempfile::tempdir_in(below).map_err(Error::doing("create a directory"))?;
        Ok(Self { dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).map_err(Error::doing(format!("read {name}")))
    }

    fn lines(&self, name: &str) -> Result<usize> {
        Ok(self.read(name)?.lines().count())
    }

    fn append(&self, from: &str, to: &str) -> Result<()> {
        let all = self.read(to)? + &self.read(from)?;
        fs::write(self.path(to), all).map_err(Error::doing(format!("write {to}")))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        fs::rename(self.path(from), self.path(to)).map_err(Error::doing(format!("rename {from}")))
    }
}

#[expect(clippy::cast_precision_loss, reason = "records of some seconds are far below 2^52")]
fn amount(records: usize) -> f64 {
    records as f64
}
