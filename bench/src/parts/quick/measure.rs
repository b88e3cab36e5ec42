//! The rounds: each measures every ratio once, one side right after the other.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Results;
use super::sides::{Loads, Serving, bare_page};
use crate::harness::corpus::sample;
use crate::harness::measure;
use crate::harness::peers::{self, Peer, Server, Side};
use crate::harness::psql::COLUMNS;
use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::harness::transport::Transport;
use crate::parts::limits::{CopyFiles, Load, NO_PGBENCH, PAYLOADS, Payloads, copy, insert};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Rows of COPY, import and search.
const ROWS: u64 = 100_000;
const SINGLES: u64 = 4_096;
/// Duration of each side.
const SECONDS: u32 = 2;
/// No round begins that would probably end after this time.
const BUDGET: Duration = Duration::from_secs(165);
const WARM_UP_SECONDS: u32 = 1;
const MICROS: f64 = 1e6;
/// The newest page of a tenant with many records.
const PAGE: &str = "/v1/audit-logs?tenant_id=lumen";

/// The inputs of all rounds.
pub(super) struct Quick<'a> {
    testbed: &'a Testbed,
    bare: Peer,
    loads: Loads,
    sample: PathBuf,
    payloads: Payloads,
    /// For two connections.
    files: CopyFiles,
    /// The same rows in the order they were written.
    csv: tempfile::NamedTempFile,
    /// A log with [`ROWS`] records, to be searched.
    full: ScratchDatabase<'a>,
    results: Results,
    start: Instant,
}

/// The result of a load on the service.
struct Served {
    /// Records a second.
    rate: f64,
    /// Processor time of a record in seconds, if known.
    cpu: Option<f64>,
}

impl<'a> Quick<'a> {
    pub(super) fn prepare(workspace: &Workspace, testbed: &'a Testbed) -> Result<Self> {
        let loads = Loads::build(workspace)?;
        let (mut bare, left_out) = peers::prepare(workspace, testbed, &[Side::Bare], peers::POOL)?;
        let bare = bare.pop().ok_or_else(|| Error::Refused(left_out.join(" ")))?;
        let start = Instant::now();
        let dir = &testbed.bench.dir;
        let payloads = Payloads::read(&sample(workspace, dir, SINGLES)?, PAYLOADS)?;
        let sample = sample(workspace, dir, ROWS)?;
        let full = testbed.empty("bench_full")?;
        let mut import = testbed.bench.auditrail();
        import.env("DATABASE_URL", full.url(Transport::Unix)?);
        import.args(["--quiet", "import", "--format", "ndjson"]).arg(&sample);
        measure::run(import)?;
        full.sql("vacuum analyze control_plane.audit_logs")?;
        let files = CopyFiles::of_table(full.database(Transport::Unix)?, 2, dir)?;
        let csv = tempfile::NamedTempFile::new_in(dir).map_err(Error::doing("make a file"))?;
        let rows = format!("select {COLUMNS} from control_plane.audit_logs order by ctid");
        let to = format!("\\copy ({rows}) to '{}' csv", csv.path().display());
        measure::run(psql(&full, &to)?)?;
        Ok(Self {
            testbed,
            bare,
            loads,
            sample,
            payloads,
            files,
            csv,
            full,
            results: Vec::new(),
            start,
        })
    }

    /// The ratios of `rounds` rounds, or of as many as fit into the budget.
    pub(super) fn rounds(mut self, rounds: u16) -> Result<Results> {
        let mut longest = Duration::ZERO;
        for round in 1..=rounds {
            if self.start.elapsed() + longest > BUDGET {
                println!("\nno time for round {round} of {rounds}");
                break;
            }
            let start = Instant::now();
            println!("\nround {round} of {rounds}");
            let names = ["single, 64 connections, to INSERT", "single, 64, TCP to Unix socket"];
            let cpu = self.single(names, 64)?;
            self.floor("processor time, 64, bare to ours", 64, cpu)?;
            self.floor("processor time, 4, bare to ours", 4, None)?;
            let names = ["single, 1 connection, to INSERT", "single, 1, TCP to Unix socket"];
            self.single(names, 1)?;
            self.batches()?;
            self.import()?;
            self.page()?;
            longest = longest.max(start.elapsed());
        }
        println!("\nmeasured in {:.0} s", self.start.elapsed().as_secs_f64());
        Ok(self.results)
    }

    fn add(&mut self, name: &'static str, ours: f64, theirs: f64) {
        println!("  {name:<34} {ours:>10.2} {theirs:>10.2} {:>6.2}", ours / theirs);
        match self.results.iter_mut().find(|(other, _)| *other == name) {
            Some((_, rounds)) => rounds.push(ours / theirs),
            None => self.results.push((name, vec![ours / theirs])),
        }
    }

    /// The service over TCP, by pgbench over TCP and by itself over the Unix socket.
    fn single(
        &mut self,
        [to_insert, to_socket]: [&'static str; 2],
        connections: u16,
    ) -> Result<Option<f64>> {
        let load = ["--connections", &connections.to_string()];
        let tcp = self.served(&load, Transport::Tcp)?;
        let unix = self.served(&load, Transport::Unix)?;
        self.add(to_socket, tcp.rate, unix.rate);
        let load = Load { connections, warm_up_seconds: WARM_UP_SECONDS, seconds: SECONDS };
        let empty = self.testbed.empty("bench_quick")?;
        let database = empty.database(Transport::Tcp)?;
        let limit = insert(database, &self.payloads, load, &self.testbed.bench.dir)?;
        drop(empty);
        match limit {
            Some(limit) => self.add(to_insert, tcp.rate, limit.per_second),
            None => println!("  {NO_PGBENCH}"),
        }
        Ok(tcp.cpu)
    }

    /// The processor time of a request to the bare handler, by that of one to the service.
    fn floor(&mut self, name: &'static str, connections: u16, ours: Option<f64>) -> Result<()> {
        let load = ["--connections", &connections.to_string()];
        let ours = match ours {
            Some(ours) => Some(ours),
            None => self.served(&load, Transport::Tcp)?.cpu,
        };
        let empty = self.testbed.empty("bench_quick")?;
        let server = Server::start(&self.bare, empty.database(Transport::Tcp)?)?;
        let address = server.address.to_string();
        let load = [&["--path", self.bare.side.single().path][..], &load].concat();
        self.loads.run((&address, None), &load, WARM_UP_SECONDS)?;
        let (report, bare) = self.loads.timed(server.tree(), (&address, None), &load, SECONDS)?;
        server.stop()?;
        println!("  {:<34} {:>10.0} requests/s", self.bare.side.name(), report.records_per_second);
        // Times, so the limit comes first: higher is better here too.
        if let Some((bare, ours)) = bare.zip(ours) {
            self.add(name, bare * MICROS, ours * MICROS);
        }
        Ok(())
    }

    fn batches(&mut self) -> Result<()> {
        let empty = self.testbed.empty("bench_quick")?;
        let limit = copy(empty.database(Transport::Tcp)?, &self.files)?.per_second();
        drop(empty);
        let load = ["--connections", "2", "--batch", "1000"];
        let rate = self.served(&load, Transport::Tcp)?.rate;
        self.add("batches of 1,000, to COPY over 2", rate, limit);
        Ok(())
    }

    /// By HTTP into an empty log, after the same warm-up as the limit.
    fn served(&self, load: &[&str], transport: Transport) -> Result<Served> {
        let empty = self.testbed.empty("bench_quick")?;
        let serving = Serving::start(self.testbed, empty.database(transport)?)?;
        let to = serving.to();
        self.loads.run(to, load, WARM_UP_SECONDS)?;
        let (report, cpu) = self.loads.timed(serving.tree(), to, load, SECONDS)?;
        serving.stop()?;
        Ok(Served { rate: report.records_per_second, cpu })
    }

    fn import(&mut self) -> Result<()> {
        let empty = self.testbed.empty("bench_quick")?;
        let csv = self.csv.path().display();
        let copy = format!("\\copy control_plane.audit_logs ({COLUMNS}) from '{csv}' csv");
        let copied = measure::run(psql(&empty, &copy)?)?;
        drop(empty);
        let empty = self.testbed.empty("bench_quick")?;
        let mut import = self.testbed.bench.auditrail();
        import
            .env("DATABASE_URL", empty.url(Transport::Tcp)?)
            .args(["--quiet", "import", "--format", "ndjson"]);
        import.arg(&self.sample);
        let imported = measure::run(import)?;
        // Of times too; the same rows, so it is the ratio of the rates.
        self.add("import, to psql \\copy", 1.0 / imported.seconds, 1.0 / copied.seconds);
        Ok(())
    }

    fn page(&mut self) -> Result<()> {
        let database = self.full.database(Transport::Tcp)?;
        let bare = bare_page(database)?;
        let serving = Serving::start(self.testbed, database)?;
        let get = ["--connections", "1", "--get", PAGE];
        self.loads.run(serving.to(), &get, 1)?;
        let report = self.loads.run(serving.to(), &get, 2)?;
        serving.stop()?;
        // Times, so the limit comes first: higher is better here too.
        self.add("page of 100,000, bare SQL to ours", bare, report.p50);
        Ok(())
    }
}

/// psql with one command on a log, over TCP.
fn psql(log: &ScratchDatabase<'_>, command: &str) -> Result<Command> {
    let database = log.database(Transport::Tcp)?;
    let mut psql = Command::new(database.bin.join("psql"));
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url, "-c", command]);
    Ok(psql)
}
