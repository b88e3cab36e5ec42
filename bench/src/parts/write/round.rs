//! The measurements of a round.

use std::collections::hash_map::{Entry, HashMap};
use std::path::PathBuf;

use super::Workload;
use super::cpu::Cpu;
use super::workload::{MeasuredSide, READ_EVERY, Selection};
use crate::harness::corpus::Corpus;
use crate::harness::load::{Latency, Load, LoadReport};
use crate::harness::peers::{Peer, Server};
use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::harness::transport::Transport;
use crate::parts::limits::{self, CopyFiles, PAYLOADS, Payloads, copy, insert};
use crate::result::Part;
use xtask::error::{Error, Result};

/// The database of one measurement.
const DATABASE: &str = "bench_write";
const RECORDS: (&str, &str) = ("rate", "records/s");
const COST: &str = "s per 1,000 records";

/// The inputs of all measurements.
pub(crate) struct Rounds<'a> {
    pub(crate) testbed: &'a Testbed,
    pub(crate) peers: Vec<Peer>,
    /// The load client.
    pub(crate) client: PathBuf,
    /// The records that it sends.
    pub(crate) usual: Payload,
    /// The records with much metadata.
    pub(crate) large: Payload,
    /// For COPY over one connection and over two.
    pub(crate) copies: Vec<CopyFiles>,
    pub(crate) times: Times,
}

/// The duration of each measurement, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Not measured.
    pub(crate) warm_up: u32,
    pub(crate) seconds: u32,
    /// Maximum number of requests a second; `None` is a closed loop.
    pub(crate) per_second: Option<f64>,
}

/// Records in the forms of the load client and of pgbench.
pub(crate) struct Payload {
    records: PathBuf,
    payloads: Payloads,
}

impl Payload {
    pub(crate) fn of(Corpus { file: records, what: _ }: Corpus) -> Result<Self> {
        Ok(Self { payloads: Payloads::read(&records, PAYLOADS)?, records })
    }
}

/// The rates of COPY in this round, by number of connections and transport.
type CopyRates = HashMap<(usize, &'static str), f64>;

impl Rounds<'_> {
    /// Measures every side under every workload; the order of the sides rotates from round to round.
    pub(super) fn run(
        &self,
        round: usize,
        selection: &Selection,
        transports: &[Transport],
        part: &mut Part,
    ) -> Result<()> {
        let mut sides = selection.sides.clone();
        let first = round % sides.len();
        sides.rotate_left(first);
        let mut copy_rates = CopyRates::default();
        for workload in &selection.workloads {
            for transport in transports {
                println!("  {}", transport.workload(&workload.name()));
                for side in sides.iter().filter(|side| side.supports(*workload)) {
                    self.measure(*side, (*workload, *transport), &mut copy_rates, part)?;
                }
            }
        }
        Ok(())
    }

    fn measure(
        &self,
        side: MeasuredSide,
        (workload, transport): (Workload, Transport),
        copy_rates: &mut CopyRates,
        part: &mut Part,
    ) -> Result<()> {
        match side {
            MeasuredSide::Server(side) => match self.peers.iter().find(|peer| peer.side == side) {
                Some(peer) => self.server(peer, (workload, transport), part).map(drop),
                None => Ok(()),
            },
            MeasuredSide::Pgbench => self.pgbench((workload, transport), part),
            MeasuredSide::Copy(connections) => {
                let rate = match copy_rates.entry((connections, transport.name())) {
                    Entry::Occupied(rate) => *rate.get(),
                    Entry::Vacant(entry) => *entry.insert(self.copy(connections, transport)?),
                };
                part.add(&transport.workload(&workload.name()), side.name(), RECORDS, rate);
                println!("    {:<28} {rate:>9.0} records/s", side.name());
                Ok(())
            }
        }
    }

    /// Measures one server under one workload.
    pub(crate) fn server(
        &self,
        peer: &Peer,
        (workload, transport): (Workload, Transport),
        part: &mut Part,
    ) -> Result<LoadReport> {
        let (name, side) = (transport.workload(&workload.name()), peer.side.name());
        let empty = self.testbed.empty(DATABASE)?;
        let server = Server::start(peer, empty.database(transport)?)?;
        let warm_up = self.load(peer, workload, &server, self.times.warm_up)?.run()?;
        let before = Cpu::read(&server, &self.testbed.cluster);
        let report = self.load(peer, workload, &server, self.times.seconds)?.run()?;
        let after = Cpu::read(&server, &self.testbed.cluster);
        let memory = server.tree().peak_mib();
        let started = server.started.as_secs_f64() * 1_000.0;
        server.stop()?;
        if peer.side.writes() {
            check_stored(&empty, warm_up.records + report.records, side)?;
        }

        part.add(&name, side, RECORDS, report.per_second);
        latency(part, (&name, side), ["p50", "p99", "max"], report.latency);
        if let Some((rate, of_reads)) = report.reads {
            part.add(&name, side, ("reads", "reads/s"), rate);
            latency(part, (&name, side), ["read p50", "read p99", "read max"], of_reads);
        }
        for (metric, seconds) in before.spent(&after) {
            part.add(&name, side, (metric, COST), seconds * 1_000.0 / report.records);
        }
        if let (Workload::Single(64), Some(memory)) = (workload, memory) {
            part.add(&name, side, ("memory", "MiB"), memory);
        }
        if workload == Workload::Single(1) {
            part.add(&transport.workload("start-up"), side, ("first record", "ms"), started);
        }
        print_report(side, &report);
        Ok(report)
    }

    fn load(&self, peer: &Peer, workload: Workload, server: &Server, seconds: u32) -> Result<Load> {
        let route = workload.route(peer.side).ok_or_else(|| {
            Error::Refused(format!("{} does not support {}", peer.side.name(), workload.name()))
        })?;
        let load = Load::new(&self.client, server, route, (workload.connections(), seconds));
        let load = load.with("--bodies", &self.payload(workload).records);
        let load = match self.times.per_second {
            Some(rate) => load.with("--per-second", rate.to_string()),
            None => load,
        };
        Ok(match (workload, peer.side.newest()) {
            (Workload::Batch(size), _) => load.with("--batch", size.to_string()),
            (Workload::LargeBatch, _) => load.with("--batch", "100"),
            (Workload::Mixed, Some(newest)) => {
                load.with("--read", newest).with("--read-every", READ_EVERY.to_string())
            }
            (Workload::Single(_) | Workload::Large | Workload::Mixed, _) => load,
        })
    }

    fn payload(&self, workload: Workload) -> &Payload {
        if workload.is_large() { &self.large } else { &self.usual }
    }

    fn pgbench(&self, (workload, transport): (Workload, Transport), part: &mut Part) -> Result<()> {
        let empty = self.testbed.empty(DATABASE)?;
        let load = limits::Load {
            connections: workload.connections(),
            warm_up_seconds: self.times.warm_up,
            seconds: self.times.seconds,
        };
        let dir = &self.testbed.bench.dir;
        let (database, payloads) = (empty.database(transport)?, &self.payload(workload).payloads);
        if let Some(inserts) = insert(database, payloads, load, dir)? {
            let name = transport.workload(&workload.name());
            let side = MeasuredSide::Pgbench.name();
            part.add(&name, side, RECORDS, inserts.per_second);
            let of = Latency { p50: inserts.p50, p99: inserts.p99, max: inserts.max };
            latency(part, (&name, side), ["p50", "p99", "max"], of);
            println!("    {side:<28} {:>9.0} records/s   {}", inserts.per_second, latency_text(of));
        }
        Ok(())
    }

    /// Rows a second.
    fn copy(&self, connections: usize, transport: Transport) -> Result<f64> {
        let empty = self.testbed.empty(DATABASE)?;
        let files = self.copies.get(connections - 1);
        let none = || Error::Refused("there are no files for COPY".to_owned());
        Ok(copy(empty.database(transport)?, files.ok_or_else(none)?)?.per_second())
    }
}

fn latency(
    part: &mut Part,
    (workload, side): (&str, &str),
    metrics: [&str; 3],
    Latency { p50, p99, max }: Latency,
) {
    for (metric, value) in metrics.into_iter().zip([p50, p99, max]) {
        part.add(workload, side, (metric, "ms"), value);
    }
}

/// Fails if records were acknowledged that are not stored.
fn check_stored(empty: &ScratchDatabase<'_>, acknowledged: f64, side: &str) -> Result<()> {
    let rows = empty.sql("select count(*) from control_plane.audit_logs")?;
    match rows.parse::<f64>() {
        Ok(rows) if rows >= acknowledged => Ok(()),
        _ => Err(Error::Refused(format!(
            "{side} acknowledged {acknowledged} records, but {rows} are stored"
        ))),
    }
}

fn print_report(side: &str, report: &LoadReport) {
    let reads = report.reads.map_or_else(String::new, |(rate, latency)| {
        format!("; {rate:.0} reads/s   {}", latency_text(latency))
    });
    let (rate, of_writes) = (report.per_second, latency_text(report.latency));
    println!("    {side:<28} {rate:>9.0} records/s   {of_writes}{reads}");
}

fn latency_text(Latency { p50, p99, max }: Latency) -> String {
    format!("p50 {p50:>6.2}  p99 {p99:>6.2}  max {max:>7.2} ms")
}
