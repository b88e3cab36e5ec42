//! One measurement after the other.

use std::collections::hash_map::{Entry, HashMap};
use std::path::PathBuf;

use super::Workload;
use super::cpu::Cpu;
use super::workload::{READ_EVERY, Wanted, Who};
use crate::bench::bed::{Bed, Empty};
use crate::bench::corpus::Corpus;
use crate::bench::limits::{self, CopyFiles, PAYLOADS, Payloads, copy, insert};
use crate::bench::load::{Answered, Latency, Load};
use crate::bench::peers::{Peer, Server};
use crate::bench::result::Part;
use crate::bench::transport::Transport;
use crate::error::{Error, Result};

/// The database of one measurement.
const DATABASE: &str = "bench_write";
const RECORDS: (&str, &str) = ("rate", "records/s");
const COST: &str = "s per 1,000 records";

/// What all measurements need.
pub(in crate::bench) struct Rounds<'a> {
    pub(in crate::bench) bed: &'a Bed,
    pub(in crate::bench) peers: Vec<Peer>,
    /// The load client.
    pub(in crate::bench) client: PathBuf,
    /// What it sends.
    pub(in crate::bench) usual: Sent,
    /// And what it sends of records with much metadata.
    pub(in crate::bench) large: Sent,
    /// For one connection and for two.
    pub(in crate::bench) copies: Vec<CopyFiles>,
    pub(in crate::bench) times: Times,
}

/// How long each measurement takes, in seconds.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Times {
    /// Not counted.
    pub(in crate::bench) warm_up: u32,
    pub(in crate::bench) seconds: u32,
    /// Requests a second that are sent at most; `None` is as fast as they are answered.
    pub(in crate::bench) per_second: Option<f64>,
}

/// Records, as the load client takes them and as pgbench does.
pub(in crate::bench) struct Sent {
    records: PathBuf,
    payloads: Payloads,
}

impl Sent {
    pub(in crate::bench) fn of(Corpus { file: records, what: _ }: Corpus) -> Result<Self> {
        Ok(Self { payloads: Payloads::read(&records, PAYLOADS)?, records })
    }
}

/// The rate of COPY in this round, by its number of connections and its transport.
type Copied = HashMap<(usize, &'static str), f64>;

impl Rounds<'_> {
    /// Every side under every workload. Who comes first changes from round to round.
    pub(super) fn run(
        &self,
        round: usize,
        wanted: &Wanted,
        transports: &[Transport],
        part: &mut Part,
    ) -> Result<()> {
        let mut sides = wanted.sides.clone();
        let first = round % sides.len();
        sides.rotate_left(first);
        let mut copied = Copied::default();
        for workload in &wanted.workloads {
            for transport in transports {
                println!("  {}", transport.workload(&workload.name()));
                for who in sides.iter().filter(|who| who.takes(*workload)) {
                    self.one(*who, (*workload, *transport), &mut copied, part)?;
                }
            }
        }
        Ok(())
    }

    fn one(
        &self,
        who: Who,
        (workload, transport): (Workload, Transport),
        copied: &mut Copied,
        part: &mut Part,
    ) -> Result<()> {
        match who {
            Who::Server(side) => match self.peers.iter().find(|peer| peer.side == side) {
                Some(peer) => self.server(peer, (workload, transport), part).map(drop),
                None => Ok(()),
            },
            Who::Pgbench => self.pgbench((workload, transport), part),
            Who::Copy(connections) => {
                let rate = match copied.entry((connections, transport.name())) {
                    Entry::Occupied(found) => *found.get(),
                    Entry::Vacant(none) => *none.insert(self.copy(connections, transport)?),
                };
                part.add(&transport.workload(&workload.name()), who.name(), RECORDS, rate);
                println!("    {:<28} {rate:>9.0} records/s", who.name());
                Ok(())
            }
        }
    }

    /// Measures one server under one workload.
    pub(in crate::bench) fn server(
        &self,
        peer: &Peer,
        (workload, transport): (Workload, Transport),
        part: &mut Part,
    ) -> Result<Answered> {
        let (name, side) = (transport.workload(&workload.name()), peer.side.name());
        let empty = self.bed.empty(DATABASE)?;
        let server = Server::start(peer, empty.database(transport)?)?;
        let warm_up = self.load(peer, workload, &server, self.times.warm_up)?.run()?;
        let before = Cpu::read(&server, &self.bed.cluster);
        let answered = self.load(peer, workload, &server, self.times.seconds)?.run()?;
        let after = Cpu::read(&server, &self.bed.cluster);
        let memory = server.tree().peak_mib();
        let started = server.started.as_secs_f64() * 1_000.0;
        server.end()?;
        if peer.side.writes() {
            all_there(&empty, warm_up.records + answered.records, side)?;
        }

        part.add(&name, side, RECORDS, answered.per_second);
        latency(part, (&name, side), ["p50", "p99", "max"], answered.latency);
        if let Some((rate, of_reads)) = answered.reads {
            part.add(&name, side, ("reads", "reads/s"), rate);
            latency(part, (&name, side), ["read p50", "read p99", "read max"], of_reads);
        }
        for (metric, seconds) in before.spent(&after) {
            part.add(&name, side, (metric, COST), seconds * 1_000.0 / answered.records);
        }
        if let (Workload::Single(64), Some(memory)) = (workload, memory) {
            part.add(&name, side, ("memory", "MiB"), memory);
        }
        if workload == Workload::Single(1) {
            part.add(&transport.workload("start-up"), side, ("first record", "ms"), started);
        }
        tell(side, &answered);
        Ok(answered)
    }

    fn load(&self, peer: &Peer, workload: Workload, server: &Server, seconds: u32) -> Result<Load> {
        let route = workload.route(peer.side).ok_or_else(|| {
            Error::Refused(format!("{} does not take {}", peer.side.name(), workload.name()))
        })?;
        let load = Load::new(&self.client, server, route, (workload.connections(), seconds));
        let load = load.with("--bodies", &self.sent(workload).records);
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

    fn sent(&self, workload: Workload) -> &Sent {
        if workload.is_large() { &self.large } else { &self.usual }
    }

    fn pgbench(&self, (workload, transport): (Workload, Transport), part: &mut Part) -> Result<()> {
        let empty = self.bed.empty(DATABASE)?;
        let load = limits::Load {
            connections: workload.connections(),
            warm_up_seconds: self.times.warm_up,
            seconds: self.times.seconds,
        };
        let dir = &self.bed.bench.dir;
        let (database, payloads) = (empty.database(transport)?, &self.sent(workload).payloads);
        if let Some(found) = insert(database, payloads, load, dir)? {
            let name = transport.workload(&workload.name());
            let side = Who::Pgbench.name();
            part.add(&name, side, RECORDS, found.per_second);
            let of = Latency { p50: found.p50, p99: found.p99, max: found.max };
            latency(part, (&name, side), ["p50", "p99", "max"], of);
            println!("    {side:<28} {:>9.0} records/s   {}", found.per_second, told(of));
        }
        Ok(())
    }

    /// Rows a second.
    fn copy(&self, connections: usize, transport: Transport) -> Result<f64> {
        let empty = self.bed.empty(DATABASE)?;
        let files = self.copies.get(connections - 1);
        let none = || Error::Refused("there are no files to copy".to_owned());
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

/// Whoever acknowledges more than it wrote is not measured.
fn all_there(empty: &Empty<'_>, acknowledged: f64, side: &str) -> Result<()> {
    let rows = empty.sql("select count(*) from control_plane.audit_logs")?;
    match rows.parse::<f64>() {
        Ok(rows) if rows >= acknowledged => Ok(()),
        _ => Err(Error::Refused(format!(
            "{side} acknowledged {acknowledged} records, and {rows} are there"
        ))),
    }
}

fn tell(side: &str, answered: &Answered) {
    let reads = answered.reads.map_or_else(String::new, |(rate, latency)| {
        format!("; {rate:.0} reads/s   {}", told(latency))
    });
    let (rate, of_writes) = (answered.per_second, told(answered.latency));
    println!("    {side:<28} {rate:>9.0} records/s   {of_writes}{reads}");
}

fn told(Latency { p50, p99, max }: Latency) -> String {
    format!("p50 {p50:>6.2}  p99 {p99:>6.2}  max {max:>7.2} ms")
}
