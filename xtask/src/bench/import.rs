//! `auditrail import` against `psql \copy`: the same rows, the same table with all its indexes and
//! its guard, the same durable private server, one after the other in every round.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::corpus::{self, Corpus};
use crate::bench::measure::{self, Run, Spread};
use crate::bench::result::Part;
use crate::error::{Error, Result};
use crate::postgres;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

/// The columns an import fills.
const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, \
                       ip_address, user_agent, created_at, tenant_id, request_id";

const IMPORT: &str = "import";
const OURS: &str = "auditrail import";
const AGAIN: &str = "auditrail import, again";
const COPY: &str = "psql \\copy";

/// `auditrail import` against `psql \copy` of the same rows into the same table.
///
/// Every round empties the table and copies the rows with psql, as CSV; empties it again and imports
/// them, as NDJSON; and imports them once more, which finds that all are there. The rows are those of
/// a real history, over and over with other ids and times, where it lies beside the checkout, and
/// else the generated sample.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench import
  cargo xtask bench import --records 50000 --rounds 1 --at-least 0
  cargo xtask bench import --file records.ndjson

The ratio to look at is the rate of auditrail import by that of psql \\copy in the same round.")]
pub(crate) struct Args {
    /// Rows to import.
    #[arg(long, default_value_t = 500_000)]
    records: u64,
    /// How often both sides are timed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// NDJSON to import instead.
    #[arg(long, conflicts_with = "records")]
    file: Option<PathBuf>,
    /// Fail when the median ratio is lower.
    #[arg(long, default_value_t = 0.85)]
    at_least: f64,
    /// Fail when an import takes more memory, in MiB.
    #[arg(long, default_value_t = 64)]
    at_most_mib: u32,
}

/// The program, and a PostgreSQL of the benchmark's own.
pub(super) struct Bench {
    program: PathBuf,
    postgres: PathBuf,
    psql: PathBuf,
    pub(super) dir: PathBuf,
    /// Where its PostgreSQL keeps its data.
    data: PathBuf,
}

impl Bench {
    /// The same program with a PostgreSQL of its own in another directory.
    pub(super) fn at(&self, data: PathBuf) -> Self {
        let Self { program, postgres, psql, dir, data: _ } = self;
        let [program, postgres, psql, dir] = [program, postgres, psql, dir].map(Clone::clone);
        Self { program, postgres, psql, dir, data }
    }

    pub(super) fn auditrail(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env(postgres::BIN, &self.postgres).arg("--data-dir").arg(&self.data);
        command
    }

    /// The directory of PostgreSQL's programs.
    pub(super) fn bin(&self) -> &Path {
        &self.postgres
    }

    pub(super) fn ask(&self, args: &[&str]) -> Result<String> {
        let program = Sh::new(&self.program).env(postgres::BIN, &self.postgres);
        program.arg("--data-dir").arg(&self.data).args(args).read()
    }

    /// The answers of statements as psql prints them, without any decoration.
    pub(super) fn sql(&self, sql: &str) -> Result<String> {
        self.ask(&["db", "psql", "--", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", "-c", sql])
    }

    /// Refuses a server that could lose what it has acknowledged.
    pub(super) fn refuse_undurable(&self) -> Result<()> {
        let on = self.sql("show fsync; show full_page_writes; show synchronous_commit")?;
        match on.split_whitespace().all(|setting| setting == "on") {
            true => Ok(()),
            false => Err(Error::Refused("PostgreSQL is not durable; nothing is measured".into())),
        }
    }

    /// An empty table, and nothing left to write from the round before.
    pub(super) fn reset(&self) -> Result<()> {
        self.sql("drop schema if exists control_plane cascade")?;
        self.ask(&["migrate"])?;
        self.sql("checkpoint").map(drop)
    }

    /// psql itself, with one command.
    pub(super) fn psql(&self, url: &str, command: &str) -> Command {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command]);
        psql
    }

    fn copy(&self, csv: &Path, url: &str) -> Result<Run> {
        let copy =
            format!("\\copy control_plane.audit_logs ({COLUMNS}) from '{}' csv", csv.display());
        measure::run(self.psql(url, &copy))
    }

    pub(super) fn import(&self, file: &Path) -> Result<Run> {
        let mut import = self.auditrail();
        import.args(["--quiet", "import", "--format", "ndjson"]).arg(file);
        measure::run(import)
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let bench = prepare(workspace)?;
    let (file, input) = match &args.file {
        Some(file) => (file.clone(), "a file of the caller's".to_owned()),
        None => {
            let Corpus { file, what } = corpus::usual(workspace, &bench.dir, args.records)?;
            (file, what)
        }
    };
    println!("starting a durable private PostgreSQL under {}", bench.dir.display());
    bench.ask(&["db", "start"])?;
    let measured = rounds(&bench, &file, args.rounds);
    bench.ask(&["db", "stop"])?;
    let mut part = measured?;
    part.settings.insert(1, ("input".to_owned(), input));
    part.save(workspace)?;
    judge(&part, args)
}

pub(super) fn prepare(workspace: &Workspace) -> Result<Bench> {
    let postgres = postgres::ensure(workspace)?;
    println!("{postgres}\nbuilding with optimisation");
    let build = ["build", "--quiet", "--release", "--package", "auditrail"];
    cargo().args(build).dir(workspace.root()).run()?;
    let dir = workspace.target().join("bench");
    std::fs::create_dir_all(&dir).map_err(Error::doing(format!("make {}", dir.display())))?;
    let psql = postgres.bin.join("psql");
    let program = workspace.target().join("release/auditrail");
    let data = dir.join("data");
    Ok(Bench { program, psql, postgres: postgres.bin, dir, data })
}

fn rounds(bench: &Bench, file: &Path, rounds: u16) -> Result<Part> {
    bench.refuse_undurable()?;
    let url = bench.ask(&["db", "url"])?.trim().to_owned();
    // What is imported once, in the order it was written, is what psql copies.
    bench.reset()?;
    bench.import(file)?;
    let csv = bench.dir.join("rows.csv");
    let out = format!(
        "\\copy (select {COLUMNS} from control_plane.audit_logs order by ctid) to '{}' csv",
        csv.display()
    );
    bench.sql(&out)?;
    let rows: f64 = count(bench)?;
    let mut part = Part { name: IMPORT.to_owned(), ..Part::default() };
    let version = bench.sql("show server_version")?.trim().to_owned();
    part.settings =
        vec![("PostgreSQL".to_owned(), version), ("rounds".to_owned(), rounds.to_string())];
    part.notes = NOTES.map(str::to_owned).to_vec();
    println!(
        "{rows} rows; rows a second\n\n round {COPY:>12} {OURS:>18}   ratio   peak MiB {AGAIN:>24}"
    );
    for round in 1..=rounds {
        bench.reset()?;
        let copy = bench.copy(&csv, &url)?;
        same_rows(bench, rows, COPY)?;
        bench.reset()?;
        let import = bench.import(file)?;
        same_rows(bench, rows, OURS)?;
        let again = bench.import(file)?;
        same_rows(bench, rows, AGAIN)?;
        println!(
            "{round:>6} {:>12.0} {:>18.0} {:>7.2} {:>10.1} {:>24.0}",
            rows / copy.seconds,
            rows / import.seconds,
            copy.seconds / import.seconds,
            measure::mib(import.peak_kib),
            rows / again.seconds,
        );
        for (side, run) in [(COPY, copy), (OURS, import), (AGAIN, again)] {
            part.add(IMPORT, side, ("rate", "records/s"), rows / run.seconds);
            part.add(IMPORT, side, ("memory", "MiB"), measure::mib(run.peak_kib));
        }
    }
    Ok(part)
}

const NOTES: [&str; 4] = [
    "Both sides fill the same empty table with all its indexes and its guard; psql reads CSV that \
     psql wrote, and auditrail NDJSON, of which it checks every field.",
    "psql copies all rows in one transaction; auditrail writes 5,000 records a transaction, so that an \
     import which breaks off can be repeated and goes on from there.",
    "The table was emptied and a checkpoint made before each measurement; the second import finds all \
     records there, compares them and writes nothing.",
    "Program, psql and PostgreSQL share the processors of one machine.",
];

pub(super) fn count(bench: &Bench) -> Result<f64> {
    let rows = bench.sql("select count(*) from control_plane.audit_logs")?;
    rows.trim().parse().map_err(|_| Error::Refused(format!("`{rows}` is not a number of rows")))
}

fn same_rows(bench: &Bench, rows: f64, who: &str) -> Result<()> {
    let found = count(bench)?;
    match (found - rows).abs() < 0.5 {
        true => Ok(()),
        false => Err(Error::Refused(format!("{who} wrote {found} rows, not {rows}"))),
    }
}

fn judge(part: &Part, args: &Args) -> Result<()> {
    for side in [COPY, OURS, AGAIN] {
        if let Some(figure) = part.figure(IMPORT, side, "rate") {
            let Spread { min, median, max } = Spread::of(figure.rounds.iter().copied());
            println!("{side:<24} median {median:>8.0} rows/s   ({min:.0} to {max:.0})");
        }
    }
    let ratio = part.ratio((IMPORT, "rate"), OURS, COPY);
    let Spread { min, median, max } =
        ratio.ok_or_else(|| Error::Refused("nothing was measured".to_owned()))?;
    let memory = part.figure(IMPORT, OURS, "memory").map_or(&[][..], |figure| &figure.rounds);
    let peak = memory.iter().copied().fold(0.0, f64::max);
    println!("ratio                    median {median:>8.2}          ({min:.2} to {max:.2})");
    println!("peak memory              {peak:.1} MiB");
    if median < args.at_least {
        return Err(Error::Refused(format!(
            "the ratio is {median:.2}, and should be {} or more",
            args.at_least
        )));
    }
    if peak > f64::from(args.at_most_mib) {
        return Err(Error::Refused(format!("the import took more than {} MiB", args.at_most_mib)));
    }
    Ok(())
}
