//! One run: load, a kill in the middle of it, everything started again, and counting.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::tally::{Dice, Tally};
use crate::harness::load::Load;
use crate::harness::peers::{Peer, Server};
use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};

/// That send records.
pub(super) const CONNECTIONS: u16 = 16;
/// Longest time in which what was not acknowledged is sent again and again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two such times.
const PAUSE: Duration = Duration::from_millis(200);
/// What the load may need for that, in seconds; it ends when all is sent.
const SEND_AGAIN: u32 = 30;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Server,
    Postgres,
}

impl Killed {
    /// As the report has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Server => "kill -9 of the server",
            Self::Postgres => "kill -9 of PostgreSQL",
        }
    }
}

/// What all runs need.
pub(super) struct Runs<'a> {
    pub(super) testbed: &'a Testbed,
    /// The load client.
    pub(super) client: PathBuf,
    /// What it sends.
    pub(super) records: PathBuf,
    pub(super) seconds: u32,
    pub(super) transport: Transport,
    pub(super) dice: Dice,
}

/// Where the client keeps what became of its requests.
struct Kept {
    dir: tempfile::TempDir,
}

impl Runs<'_> {
    pub(super) fn one(&mut self, peer: &Peer, killed: Killed, part: &mut Part) -> Result<()> {
        let kept = Kept::new(&self.testbed.bench.dir)?;
        let empty = self.testbed.empty("bench_loss")?;
        let server = Server::start(peer, empty.database(self.transport)?)?;
        let load =
            Load::new(&self.client, &server, peer.side.single(), (CONNECTIONS, self.seconds));
        let load = load.with("--bodies", &self.records).with("--ids-to", kept.path("first.ids"));
        let loading = load.with("--open-to", kept.path("open.ndjson")).start()?;
        let millis = u64::from(self.seconds) * 1_000;
        let moment = self.dice.between(millis * 3 / 10, millis * 8 / 10);
        #[expect(clippy::disallowed_methods, reason = "a moment by chance is what is wanted")]
        thread::sleep(Duration::from_millis(moment));
        let (mut server, ended) = self.kill(peer, killed, server, &empty)?;
        // Whatever was not answered well is what the run is about.
        let answered = loading.wait()?;
        if answered.records < 1.0 {
            let side = peer.side.name();
            return Err(Error::Refused(format!(
                "{side} acknowledged nothing, so nothing is tested"
            )));
        }
        let unasked = self.count(&kept, &empty)?.doubled;
        let open = kept.lines("open.ndjson")?;
        self.send_again(peer, &server, &kept)?;
        let tally = self.count(&kept, &empty)?;
        server.kill()?;

        let figures = [
            ("acknowledged", tally.acknowledged),
            ("lost", tally.lost),
            ("doubled", tally.doubled),
            ("doubled before retries", unasked),
            ("not acknowledged", open),
        ];
        for (metric, records) in figures {
            part.add(killed.name(), peer.side.name(), (metric, "records"), amount(records));
        }
        let of_ended = ("ended by itself", "times");
        part.add(killed.name(), peer.side.name(), of_ended, amount(usize::from(ended)));
        println!(
            "    {:<20} killed after {moment:>4} ms: {} acknowledged, {} lost, {} doubled, {open} not acknowledged{}",
            peer.side.name(),
            tally.acknowledged,
            tally.lost,
            tally.doubled,
            if ended { "; it ended by itself" } else { "" }
        );
        Ok(())
    }

    /// Kills one of both and starts it again; also whether the server ended when PostgreSQL was gone.
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
            postmaster.ok_or_else(|| Error::Refused("PostgreSQL does not run".to_owned()))?;
        kill_process(postmaster, Signal::KILL)
            .map_err(|error| Error::Refused(format!("PostgreSQL cannot be killed: {error}")))?;
        self.testbed.cluster.restart()?;
        if server.has_exited()? {
            Ok((server.restart(peer, empty.database(self.transport)?)?, true))
        } else {
            Ok((server, false))
        }
    }

    /// Until everything is acknowledged.
    fn send_again(&self, peer: &Peer, server: &Server, kept: &Kept) -> Result<()> {
        let began = Instant::now();
        let mut open = kept.lines("open.ndjson")?;
        while open > 0 {
            let route = peer.side.single();
            let load = Load::new(&self.client, server, route, (CONNECTIONS, SEND_AGAIN));
            let load = load.with("--again", kept.path("open.ndjson"));
            let load = load.with("--ids-to", kept.path("again.ids"));
            load.with("--open-to", kept.path("still.ndjson")).start()?.wait()?;
            kept.append("again.ids", "first.ids")?;
            kept.rename("still.ndjson", "open.ndjson")?;
            open = kept.lines("open.ndjson")?;
            if open > 0 && began.elapsed() > PATIENCE {
                let side = peer.side.name();
                return Err(Error::Refused(format!("{side} does not answer {open} requests")));
            }
            #[expect(clippy::disallowed_methods, reason = "a server offers no event to wait for")]
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn count(&self, kept: &Kept, empty: &ScratchDatabase<'_>) -> Result<Tally> {
        let ids = "select request_id from control_plane.audit_logs where request_id like 'load-%'";
        Ok(Tally::of(&kept.read("first.ids")?, &empty.sql(ids)?))
    }
}

impl Kept {
    fn new(below: &Path) -> Result<Self> {
        let dir = tempfile::tempdir_in(below).map_err(Error::doing("make a directory"))?;
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
