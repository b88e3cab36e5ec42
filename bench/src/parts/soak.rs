//! `cargo xtask bench soak`: latency of honest requests while hostile clients hold thousands of connections.

mod observe;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::build;
use crate::harness::corpus::sample;
use crate::harness::load::{LoadReport, Loading, start};
use crate::harness::service::Service;
use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::harness::transport::Transport;
use crate::report;
use crate::result::Part;
use observe::{Drained, wait_until_drained};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Records in the log before it starts, which the exports read.
const RECORDS: u64 = 100_000;
/// Honest connections.
const HONEST: u16 = 64;
/// The workload's name in the results.
const WORKLOAD: &str = "64 honest connections";

/// Latency of honest requests among idle and slow connections, exports and large batches.
///
/// First 64 honest connections write single records and read pages at a fixed rate, alone: the quiet phase.
/// Then they do the same while other clients hold idle connections that send nothing, slow ones (heads, bodies,
/// readers of pages and of exports), and while exports and batches of 10,000 records run. In the end
/// the service must close all their connections and statements, and stop within its grace period.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench soak
  cargo xtask bench soak --seconds 60 --quiet-seconds 20

Fails if an honest request fails or a target of docs/performance.md for this part is missed, after saving
all results. Needs about 6,000 file descriptors.")]
pub(crate) struct Args {
    /// Duration of the phase with hostile clients, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(10..))]
    seconds: u32,
    /// Duration of the quiet phase, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..))]
    quiet_seconds: u32,
    /// Honest requests a second; a fourth of them read a page.
    #[arg(long, default_value_t = 320)]
    per_second: u32,
    /// Idle connections.
    #[arg(long, default_value_t = 5_000)]
    idle: u32,
    /// Slow connections.
    #[arg(long, default_value_t = 200)]
    slow: u32,
    /// Limit of the service's memory, in MiB.
    #[arg(long, default_value_t = 256)]
    memory_mib: u32,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let testbed = Testbed::start(workspace, &[Transport::Tcp])?;
    let database = testbed.empty("bench_soak")?;
    let url = database.url(Transport::Tcp)?;
    println!("importing {RECORDS} records");
    testbed.bench.import(&sample(workspace, &testbed.bench.dir, RECORDS)?, url)?;
    let mut serve = testbed.bench.auditrail();
    serve.env("DATABASE_URL", url);
    let soak = Soak {
        service: Service::start(serve)?,
        load: build::bench(workspace, "bench-load")?,
        hostile: build::bench(workspace, "bench-hostile")?,
        keys: Keys::create(&testbed, url)?,
        args,
    };
    let mut part = Part { name: "soak".to_owned(), ..Part::default() };
    part.settings = testbed.settings(&[])?;
    part.settings.extend(soak.settings());
    part.notes = NOTES.map(str::to_owned).to_vec();
    let is_clean = soak.run(&database, &mut part)?;
    part.save(workspace)?;
    report::judge(&part)?;
    if is_clean { Ok(()) } else { Err(Error::Refused("some honest requests failed".to_owned())) }
}

/// An API key of each group of clients. None is bound to a tenant, so the hostile readers have much to read.
struct Keys {
    honest: String,
    bulk: String,
    hostile: String,
}

impl Keys {
    fn create(testbed: &Testbed, url: &str) -> Result<Self> {
        let create = |name| {
            let create = ["key", "create", "--name", name];
            let scopes = ["--scope", "write", "--scope", "read", "--scope", "export"];
            let key = testbed.bench.run_on(url, &[&create[..], &scopes].concat());
            key.map(|key| key.trim().to_owned())
        };
        Ok(Self { honest: create("honest")?, bulk: create("bulk")?, hostile: create("hostile")? })
    }
}

struct Soak<'a> {
    service: Service,
    load: PathBuf,
    hostile: PathBuf,
    keys: Keys,
    args: &'a Args,
}

impl Soak<'_> {
    fn settings(&self) -> [(String, String); 4] {
        let Args { seconds, quiet_seconds, per_second, idle, slow, .. } = self.args;
        [
            ("seconds", format!("{quiet_seconds} quiet, {seconds} with hostile clients")),
            ("honest requests", format!("{per_second} a second over {HONEST} connections")),
            ("hostile connections", format!("{idle} idle, {slow} slow")),
            ("records there at the start", RECORDS.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// Runs both phases; whether no honest request failed.
    fn run(self, database: &ScratchDatabase<'_>, part: &mut Part) -> Result<bool> {
        println!("\nquiet, {} s", self.args.quiet_seconds);
        let quiet = self.honest(self.args.quiet_seconds)?.wait()?;
        print(&quiet);
        println!("\nwith hostile clients, {} s", self.args.seconds);
        let others = self.others()?;
        let honest = self.honest(self.args.seconds)?.wait()?;
        print(&honest);
        for (name, other) in others {
            println!("  {name}: {}", other.finish()?.0);
        }
        let memory = self.service.memory()?.peak_mib;
        println!("  peak memory of the service {memory:.0} MiB");
        let drained = wait_until_drained(self.port()?, database)?;
        println!("  {}", drained.text());
        let is_clean = quiet.is_clean && honest.is_clean;
        add(part, (&quiet, &honest), (memory, self.args.memory_mib), &drained);
        self.service.stop()?;
        Ok(is_clean)
    }

    fn port(&self) -> Result<u16> {
        let address = self.service.address.parse::<SocketAddr>();
        address
            .map(|address| address.port())
            .map_err(|_| Error::Refused(format!("`{}` is not an address", self.service.address)))
    }

    /// Honest writes and reads.
    fn honest(&self, seconds: u32) -> Result<Loading> {
        let mut command = self.command(&self.load, &self.keys.honest, seconds);
        command.args(["--connections", &HONEST.to_string()]);
        command.args(["--per-second", &self.args.per_second.to_string()]);
        command.args(["--read", "/v1/audit-logs?limit=20", "--read-every", "4"]);
        start(command)
    }

    /// Everything beside the honest requests.
    fn others(&self) -> Result<[(&'static str, Loading); 3]> {
        let seconds = self.args.seconds;
        let mut hostile = self.command(&self.hostile, &self.keys.hostile, seconds);
        hostile.args(["--idle", &self.args.idle.to_string()]);
        hostile.args(["--slow", &self.args.slow.to_string()]);
        let mut batches = self.command(&self.load, &self.keys.bulk, seconds);
        batches.args(["--connections", "1", "--batch", "10000", "--record-bytes", "1500"]);
        batches.args(["--per-second", "0.2"]);
        let mut exports = self.command(&self.load, &self.keys.bulk, seconds);
        exports.args(["--connections", "2", "--mib-per-second", "4"]);
        exports.args(["--get", "/v1/audit-logs/export?format=ndjson"]);
        Ok([
            ("hostile clients", start(hostile)?),
            ("large batches", start(batches)?),
            ("exports", start(exports)?),
        ])
    }

    fn command(&self, program: &PathBuf, key: &str, seconds: u32) -> Command {
        let mut command = Command::new(program);
        command.args(["--to", &self.service.address, "--seconds", &seconds.to_string()]);
        command.env("AUDITRAIL_KEY", key);
        command
    }
}

fn print(report: &LoadReport) {
    println!("  {}", report.json);
}

fn add(
    part: &mut Part,
    (quiet, honest): (&LoadReport, &LoadReport),
    (memory, most): (f64, u32),
    drained: &Drained,
) {
    for (side, report) in [("quiet", quiet), ("with hostile clients", honest)] {
        let mut latency = vec![("writes", report.latency)];
        latency.extend(report.reads.map(|(_, latency)| ("reads", latency)));
        for (what, latency) in latency {
            let workload = format!("{what} of {WORKLOAD}");
            for (metric, value) in
                [("p50", latency.p50), ("p99", latency.p99), ("max", latency.max)]
            {
                part.add(&workload, side, (metric, "ms"), value);
            }
        }
        part.add(WORKLOAD, side, ("failed", "requests"), report.failed);
    }
    part.add("memory of the service", "auditrail serve", ("memory", "MiB"), memory);
    part.add("memory of the service", "limit", ("memory", "MiB"), f64::from(most));
    let seconds = drained.seconds();
    part.add("after the hostile clients", "auditrail serve", ("drained", "s"), seconds);
}

const NOTES: [&str; 4] = [
    "Idle connections come from eight addresses and send nothing; slow ones are request heads, request \
     bodies, readers of pages and readers of exports in equal numbers, with a valid key of their own. \
     Whatever the service closes is opened again.",
    "Beside them run two exports at 4 MiB/s each and a batch of 10,000 records (15 MiB) every five seconds.",
    "All clients, the service and PostgreSQL share the processors, so the ratio includes their work.",
    "Memory is the high-water mark of the service's process. It is drained when it has no connection of a \
     client and no statement in PostgreSQL.",
];
