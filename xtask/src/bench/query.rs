//! How long searches take in a large log: the first page and the hundredth, for every filter and for
//! values that many, few and no records have.

mod cases;
mod report;
mod transport;

use std::path::PathBuf;
use std::time::Instant;

use crate::bench::measure;
use crate::error::{Error, Result};
use crate::postgres;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;
use cases::{CASES, Case};
use report::{Figures, Measured};
use transport::Transport;

/// Fills the table; the indexes are built afterwards, which takes a third of the time.
const FILL: &str = include_str!("query/fill.sql");
/// How many pages on the second page that is timed is. One less where a search has fewer pages.
const DEEP: usize = 100;

/// The first and the hundredth page of searches in a large log.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows to fill the log with; ten million take 9 GB and some ten minutes, once.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Only filters whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Also export everything, and measure the memory that takes.
    #[arg(long)]
    export: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
    /// Fail when the 99th percentile of a page is higher, in milliseconds.
    #[arg(long)]
    at_most_ms: Option<f64>,
    /// Remove the filled database afterwards. It is kept otherwise, for the next run.
    #[arg(long)]
    remove: bool,
}

struct Bench {
    program: PathBuf,
    searcher: PathBuf,
    postgres: PathBuf,
    data: PathBuf,
}

impl Bench {
    fn prepare(workspace: &Workspace, records: u64) -> Result<Self> {
        let postgres = postgres::ensure(workspace)?;
        eprintln!("{postgres}\nbuilding with optimisation");
        let build = ["build", "--quiet", "--release", "--package", "auditrail"];
        cargo().args(build).dir(workspace.root()).run()?;
        let example = ["build", "--quiet", "--release", "--package", "auditrail-store"];
        cargo().args(example).args(["--example", "search_speed"]).dir(workspace.root()).run()?;
        let release = workspace.target().join("release");
        let data = workspace.target().join(format!("bench/query-{records}"));
        std::fs::create_dir_all(&data).map_err(Error::doing(format!("make {}", data.display())))?;
        Ok(Self {
            program: release.join("auditrail"),
            searcher: release.join("examples/search_speed"),
            postgres: postgres.bin,
            data,
        })
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        let program = Sh::new(&self.program).env(postgres::BIN, &self.postgres);
        program.arg("--data-dir").arg(&self.data).args(args).read()
    }

    fn sql(&self, sql: &str) -> Result<String> {
        self.ask(&["db", "psql", "--", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", "-c", sql])
    }

    /// Migrates, and fills the table unless it is full already.
    fn fill(&self, records: u64) -> Result<()> {
        self.ask(&["migrate"])?;
        let there = self.sql("select count(*) from control_plane.audit_logs")?;
        if there.trim() == records.to_string() {
            return Ok(());
        }
        if there.trim() != "0" {
            let data = self.data.display();
            return Err(Error::Refused(format!("{data} is half filled; remove it and try again")));
        }
        eprintln!("filling {records} rows");
        let indexes = "select indexdef from pg_indexes where schemaname = 'control_plane' \
                       and tablename = 'audit_logs' and indexname like 'idx%'";
        let definitions = self.sql(indexes)?;
        let drop =
            indexes.replace("select indexdef", "select 'drop index control_plane.' || indexname");
        let drops = self.sql(&drop)?;
        for statement in drops.lines() {
            self.sql(statement)?;
        }
        self.sql(&FILL.replace(":records", &records.to_string()))?;
        eprintln!("building indexes");
        for definition in definitions.lines() {
            self.sql(&format!("set maintenance_work_mem = '1GB'; {definition}"))?;
        }
        self.sql("vacuum analyze control_plane.audit_logs")?;
        self.sql("checkpoint").map(drop_text)
    }

    fn transport(&self) -> Result<Transport> {
        let url = self.ask(&["db", "url"])?;
        Transport::start(&self.searcher, url.trim())
    }

    fn settings(&self) -> Result<String> {
        let settings = "select format('PostgreSQL %s, shared_buffers %s, work_mem %s, table %s, with indexes %s', \
             current_setting('server_version'), current_setting('shared_buffers'), \
             current_setting('work_mem'), \
             pg_size_pretty(pg_table_size('control_plane.audit_logs')), \
             pg_size_pretty(pg_total_relation_size('control_plane.audit_logs')))";
        Ok(self.sql(settings)?.trim().to_owned())
    }
}

fn drop_text(_: String) {}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let bench = Bench::prepare(workspace, args.records)?;
    eprintln!("starting a durable private PostgreSQL under {}", bench.data.display());
    bench.ask(&["db", "start"])?;
    let measured = bench.fill(args.records).and_then(|()| measure_all(&bench, args));
    bench.ask(&["db", "stop"])?;
    if args.remove {
        let data = &bench.data;
        std::fs::remove_dir_all(data).map_err(Error::doing("remove the filled database"))?;
    }
    measured
}

fn measure_all(bench: &Bench, args: &Args) -> Result<()> {
    let settings = bench.settings()?;
    let mut transport = bench.transport()?;
    let wanted = |case: &&Case| args.only.as_ref().is_none_or(|only| case.filter.contains(only));
    let mut pages = Vec::new();
    let report = report::Report::start(args.json, &settings);
    for case in CASES.iter().filter(wanted) {
        let measured = pages_of(&mut transport, case, args.times)?;
        report.page(&measured);
        pages.push(measured);
    }
    let mut others = Vec::new();
    for (name, call, times) in
        [("stats", "stats ", 20), ("stats of a tenant", "stats tenant_id=tenant-0", 20)]
    {
        others.push((name, figures(&mut transport, call, times)?));
    }
    let export = if args.export { Some(export(bench)?) } else { None };
    transport.end()?;
    report.end(&pages, &others, export);
    match args.at_most_ms {
        Some(at_most) => report::judge(&pages, at_most),
        None => Ok(()),
    }
}

/// Times the first page and one far on. That one is asked for by the cursor of the page before, so how
/// far on it is costs nothing to find out but the way there.
fn pages_of(transport: &mut Transport, case: &Case, times: u32) -> Result<Measured> {
    let first = figures(transport, case.parameters, times)?;
    let mut answer = transport.call(case.parameters)?;
    let records = answer.records;
    let (mut page, mut deep_call) = (1, None);
    while page < DEEP {
        let Some(cursor) = answer.next else {
            break;
        };
        let call = format!("{}&cursor={cursor}", case.parameters);
        answer = transport.call(&call)?;
        page += 1;
        deep_call = Some(call);
    }
    let deep = match deep_call {
        Some(call) => Some((page, figures(transport, &call, times)?)),
        None => None,
    };
    Ok(Measured { case: *case, records, first, deep })
}

/// Calls once to warm up and then so many times.
fn figures(transport: &mut Transport, call: &str, times: u32) -> Result<Figures> {
    transport.call(call)?;
    let mut millis = Vec::new();
    for _ in 0..times {
        millis.push(transport.call(call)?.millis);
    }
    millis.sort_by(f64::total_cmp);
    Ok(Figures {
        median: measure::percentile(&millis, 50.0),
        p99: measure::percentile(&millis, 99.0),
        max: measure::percentile(&millis, 100.0),
    })
}

/// Seconds, records and peak KiB of an export of everything, by a program that does nothing else.
fn export(bench: &Bench) -> Result<(f64, u64, u64)> {
    let mut transport = bench.transport()?;
    let start = Instant::now();
    let answer = transport.call("export ")?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = transport.peak_kib();
    transport.end()?;
    Ok((seconds, answer.records, peak))
}
