//! `auditrail import` against `psql \copy`: the same rows, the same table with all its indexes and
//! its guard, the same durable private server, one after the other in every round.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::measure::{self, Run, Spread};
use crate::error::{Error, Result};
use crate::postgres;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

/// The columns an import fills.
const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, \
                       ip_address, user_agent, created_at, tenant_id, request_id";

/// `auditrail import` against `psql \copy` of the same rows into the same table.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows of the generated sample.
    #[arg(long, default_value_t = 500_000)]
    records: u64,
    /// How often both sides are timed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// NDJSON to import instead of the sample.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Fail when the median ratio is lower.
    #[arg(long, default_value_t = 0.7)]
    at_least: f64,
    /// Fail when an import takes more memory, in MiB.
    #[arg(long, default_value_t = 64)]
    at_most_mib: u64,
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
    let file = match &args.file {
        Some(file) => file.clone(),
        None => sample(workspace, &bench.dir, args.records)?,
    };
    println!("starting a durable private PostgreSQL under {}", bench.dir.display());
    bench.ask(&["db", "start"])?;
    let measured = rounds(&bench, &file, args.rounds);
    bench.ask(&["db", "stop"])?;
    judge(&measured?, args)
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

pub(super) fn sample(workspace: &Workspace, dir: &Path, records: u64) -> Result<PathBuf> {
    let file = dir.join(format!("sample-{records}.ndjson"));
    if !file.exists() {
        println!("writing {records} sample records");
        let part = file.with_extension("part");
        let sample = ["run", "--quiet", "--release", "--package", "auditrail-testkit"];
        let which = ["--bin", "auditrail-sample", "--", "--format", "ndjson", "--records"];
        let run = cargo().args(sample).args(which).arg(records.to_string()).arg("--output");
        run.arg(&part).dir(workspace.root()).run()?;
        std::fs::rename(&part, &file).map_err(Error::doing("rename the sample"))?;
    }
    Ok(file)
}

/// The rows of both sides in every round.
struct Measured {
    rows: f64,
    rounds: Vec<(Run, Run)>,
}

fn rounds(bench: &Bench, file: &Path, rounds: u16) -> Result<Measured> {
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
    let mut measured = Measured { rows, rounds: Vec::new() };
    println!(
        "{rows} rows; rows a second\n\n round   psql \\copy   auditrail import   ratio   peak MiB"
    );
    for round in 1..=rounds {
        bench.reset()?;
        let copy = bench.copy(&csv, &url)?;
        same_rows(bench, rows, "psql \\copy")?;
        bench.reset()?;
        let import = bench.import(file)?;
        same_rows(bench, rows, "auditrail import")?;
        println!(
            "{round:>6} {:>13.0} {:>18.0} {:>7.2} {:>10.1}",
            rows / copy.seconds,
            rows / import.seconds,
            copy.seconds / import.seconds,
            measure::mib(import.peak_kib),
        );
        measured.rounds.push((copy, import));
    }
    Ok(measured)
}

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

fn judge(measured: &Measured, args: &Args) -> Result<()> {
    let rate = |pick: fn(&(Run, Run)) -> Run| {
        Spread::of(measured.rounds.iter().map(|round| measured.rows / pick(round).seconds))
    };
    let ratio =
        Spread::of(measured.rounds.iter().map(|(copy, import)| copy.seconds / import.seconds));
    let peak = measured.rounds.iter().map(|(_, import)| import.peak_kib).max().unwrap_or(0);
    for (name, spread) in [("psql \\copy", rate(|r| r.0)), ("auditrail import", rate(|r| r.1))] {
        let Spread { min, median, max } = spread;
        println!("{name:<18} median {median:>8.0} rows/s   ({min:.0} to {max:.0})");
    }
    let Spread { min, median, max } = ratio;
    println!("ratio              median {median:>8.2}          ({min:.2} to {max:.2})");
    println!("peak memory        {:.1} MiB", measure::mib(peak));
    if median < args.at_least {
        return Err(Error::Refused(format!(
            "the ratio is {median:.2}, and should be {} or more",
            args.at_least
        )));
    }
    if peak > args.at_most_mib * 1024 {
        return Err(Error::Refused(format!("the import took more than {} MiB", args.at_most_mib)));
    }
    Ok(())
}
