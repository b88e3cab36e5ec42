//! The rounds: each takes every ratio once, one side right after the other.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Found;
use super::sides::{Loads, Serving, bare_page};
use crate::bench::bed::{Bed, Empty};
use crate::bench::corpus::sample;
use crate::bench::limits::{
    COLUMNS, CopyFiles, Load, NO_PGBENCH, PAYLOADS, Payloads, copy, insert,
};
use crate::bench::measure;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Rows that are copied, imported and searched.
const ROWS: u64 = 100_000;
const SINGLES: u64 = 4_096;
/// For each side of a ratio of rates.
const SECONDS: u32 = 3;
/// No round begins that would probably not end within this time, on a machine that is busy otherwise.
const BUDGET: Duration = Duration::from_secs(165);
const WARM_UP_SECONDS: u32 = 1;
/// The newest page of a tenant with many records.
const PAGE: &str = "/v1/audit-logs?tenant_id=lumen";

/// What all rounds need.
pub(super) struct Quick<'a> {
    bed: &'a Bed,
    loads: Loads,
    sample: PathBuf,
    payloads: Payloads,
    /// For two connections.
    files: CopyFiles,
    /// The same rows in the order they were written.
    csv: tempfile::NamedTempFile,
    /// A log with [`ROWS`] records, to be searched.
    full: Empty<'a>,
    found: Found,
    began: Instant,
}

impl<'a> Quick<'a> {
    pub(super) fn prepare(workspace: &Workspace, bed: &'a Bed) -> Result<Self> {
        let loads = Loads::build(workspace)?;
        let began = Instant::now();
        let dir = &bed.bench.dir;
        let payloads = Payloads::read(&sample(workspace, dir, SINGLES)?, PAYLOADS)?;
        let sample = sample(workspace, dir, ROWS)?;
        let full = bed.empty("bench_full")?;
        let mut import = bed.bench.auditrail();
        import.env("DATABASE_URL", &full.url);
        import.args(["--quiet", "import", "--format", "ndjson"]).arg(&sample);
        measure::run(import)?;
        full.sql("vacuum analyze control_plane.audit_logs")?;
        let files = CopyFiles::of_table(full.database(), 2, dir)?;
        let csv = tempfile::NamedTempFile::new_in(dir).map_err(Error::doing("make a file"))?;
        let rows = format!("select {COLUMNS} from control_plane.audit_logs order by ctid");
        measure::run(psql(&full, &format!("\\copy ({rows}) to '{}' csv", csv.path().display())))?;
        Ok(Self { bed, loads, sample, payloads, files, csv, full, found: Vec::new(), began })
    }

    /// All ratios of so many rounds, or of as many as there is time for.
    pub(super) fn rounds(mut self, rounds: u16) -> Result<Found> {
        let mut longest = Duration::ZERO;
        for round in 1..=rounds {
            if self.began.elapsed() + longest > BUDGET {
                println!("\nno time for round {round} of {rounds}");
                break;
            }
            let began = Instant::now();
            println!("\nround {round} of {rounds}");
            self.single("single, 64 connections, to INSERT", 64)?;
            self.single("single, 1 connection, to INSERT", 1)?;
            self.batches()?;
            self.import()?;
            self.page()?;
            longest = longest.max(began.elapsed());
        }
        println!("\nmeasured in {:.0} s", self.began.elapsed().as_secs_f64());
        Ok(self.found)
    }

    fn keep(&mut self, name: &'static str, ours: f64, theirs: f64) {
        println!("  {name:<34} {ours:>10.2} {theirs:>10.2} {:>6.2}", ours / theirs);
        match self.found.iter_mut().find(|(there, _)| *there == name) {
            Some((_, rounds)) => rounds.push(ours / theirs),
            None => self.found.push((name, vec![ours / theirs])),
        }
    }

    fn single(&mut self, name: &'static str, connections: u16) -> Result<()> {
        let load = Load { connections, warm_up_seconds: WARM_UP_SECONDS, seconds: SECONDS };
        let empty = self.bed.empty("bench_quick")?;
        let Some(limit) = insert(empty.database(), &self.payloads, load, &self.bed.bench.dir)?
        else {
            println!("  {NO_PGBENCH}");
            return Ok(());
        };
        drop(empty);
        let rate = self.served(&["--connections", &connections.to_string()])?;
        self.keep(name, rate, limit.per_second);
        Ok(())
    }

    fn batches(&mut self) -> Result<()> {
        let empty = self.bed.empty("bench_quick")?;
        let limit = copy(empty.database(), &self.files)?.per_second();
        drop(empty);
        let rate = self.served(&["--connections", "2", "--batch", "1000"])?;
        self.keep("batches of 1,000, to COPY over 2", rate, limit);
        Ok(())
    }

    /// Records a second by HTTP into an empty log, after the same warm-up as the limit.
    fn served(&self, load: &[&str]) -> Result<f64> {
        let empty = self.bed.empty("bench_quick")?;
        let serving = Serving::start(self.bed, &empty)?;
        self.loads.run(&serving, load, WARM_UP_SECONDS)?;
        let told = self.loads.run(&serving, load, SECONDS)?;
        serving.end()?;
        Ok(told.records_per_second)
    }

    fn import(&mut self) -> Result<()> {
        let empty = self.bed.empty("bench_quick")?;
        let csv = self.csv.path().display();
        let copy = format!("\\copy control_plane.audit_logs ({COLUMNS}) from '{csv}' csv");
        let copied = measure::run(psql(&empty, &copy))?;
        drop(empty);
        let empty = self.bed.empty("bench_quick")?;
        let mut import = self.bed.bench.auditrail();
        import.env("DATABASE_URL", &empty.url).args(["--quiet", "import", "--format", "ndjson"]);
        import.arg(&self.sample);
        let imported = measure::run(import)?;
        // Of times too; the same rows, so it is the ratio of the rates.
        self.keep("import, to psql \\copy", 1.0 / imported.seconds, 1.0 / copied.seconds);
        Ok(())
    }

    fn page(&mut self) -> Result<()> {
        let bare = bare_page(self.full.database())?;
        let serving = Serving::start(self.bed, &self.full)?;
        let get = ["--connections", "1", "--get", PAGE];
        self.loads.run(&serving, &get, 1)?;
        let told = self.loads.run(&serving, &get, 2)?;
        serving.end()?;
        // Times, so the limit comes first: higher is better here too.
        self.keep("page of 100,000, bare SQL to ours", bare, told.p50);
        Ok(())
    }
}

/// psql with one command on a log.
fn psql(log: &Empty<'_>, command: &str) -> Command {
    let mut psql = Command::new(log.database().bin.join("psql"));
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &log.url, "-c", command]);
    psql
}
