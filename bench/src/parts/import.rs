//! `cargo xtask bench import`: `auditrail import` against `psql \copy` of the same rows into the same table
//! with all its indexes and its trigger, on the same durable server, in turn in every round.

use std::path::{Path, PathBuf};

use crate::harness::corpus::{self, Corpus};
use crate::harness::measure::{self, Run, Spread};
use crate::harness::postgres_server::PostgresServer;
use crate::harness::program::{Bench, count, prepare};
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// The columns that an import writes.
const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, \
                       ip_address, user_agent, created_at, tenant_id, request_id";

const IMPORT: &str = "import";
const OURS: &str = "auditrail import";
const AGAIN: &str = "auditrail import, again";
const COPY: &str = "psql \\copy";

/// `auditrail import` against `psql \copy` of the same rows into the same table.
///
/// Every round empties the table and copies the rows with psql, as CSV; empties it again and imports
/// them, as NDJSON; and imports them once more, when all exist already. The rows are those of a real
/// history, repeated with other ids and times, if it is available beside the checkout, and by default
/// the generated sample.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench import
  cargo xtask bench import --records 50000 --rounds 1 --at-least 0
  cargo xtask bench import --file records.ndjson
  cargo xtask bench import --database tcp --database unix

The relevant ratio is the rate of auditrail import by that of psql \\copy in the same round.")]
pub(crate) struct Args {
    /// Number of rows.
    #[arg(long, default_value_t = 500_000)]
    records: u64,
    /// Number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// An NDJSON file to import instead.
    #[arg(long, conflicts_with = "records")]
    file: Option<PathBuf>,
    /// Connection to PostgreSQL; may be repeated, and each round then measures all.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Vec<Transport>,
    /// Fail if the median ratio is lower.
    #[arg(long, default_value_t = 0.85)]
    at_least: f64,
    /// Fail if the peak memory of an import is higher, in MiB.
    #[arg(long, default_value_t = 64)]
    at_most_mib: u32,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let bench = prepare(workspace)?;
    let (file, input) = match &args.file {
        Some(file) => (file.clone(), "a file of the user".to_owned()),
        None => {
            let Corpus { file, what } = corpus::usual(workspace, &bench.dir, args.records)?;
            (file, what)
        }
    };
    let databases = Transport::sorted(&args.database);
    let cluster = bench.start(workspace, &databases)?;
    let sides = Sides { bench: &bench, cluster: &cluster, file: &file };
    let mut part = sides.rounds(args.rounds, &databases)?;
    drop(cluster);
    part.settings.insert(1, ("input".to_owned(), input));
    part.save(workspace)?;
    databases.iter().try_for_each(|transport| judge(&part, *transport, args))
}

/// The inputs of all rounds.
struct Sides<'a> {
    bench: &'a Bench,
    cluster: &'a PostgresServer,
    /// The file to import.
    file: &'a Path,
}

impl Sides<'_> {
    /// Measures every side over every transport in each round.
    fn rounds(&self, rounds: u16, transports: &[Transport]) -> Result<Part> {
        let Self { bench, file, .. } = self;
        bench.refuse_undurable()?;
        // psql copies the imported rows, in the order in which they were written.
        bench.reset()?;
        let database = bench.database()?;
        bench.import(file, &self.cluster.url(Transport::Unix, &database)?)?;
        let csv = bench.dir.join("rows.csv");
        let out = format!(
            "\\copy (select {COLUMNS} from control_plane.audit_logs order by ctid) to '{}' csv",
            csv.display()
        );
        bench.sql(&out)?;
        let rows: f64 = count(bench)?;
        let mut part = Part { name: IMPORT.to_owned(), ..Part::default() };
        let version = bench.sql("show server_version")?.trim().to_owned();
        part.settings = vec![
            ("PostgreSQL".to_owned(), version),
            ("rounds".to_owned(), rounds.to_string()),
            Transport::setting(transports),
        ];
        part.notes = NOTES.map(str::to_owned).to_vec();
        println!(
            "{rows} rows; rows a second\n\n round {COPY:>12} {OURS:>18}   ratio   peak MiB {AGAIN:>24}"
        );
        for round in 1..=rounds {
            for transport in transports {
                let url = self.cluster.url(*transport, &database)?;
                let runs = self.round(rows, &url, &csv)?;
                add(&mut part, *transport, (round, rows), runs);
            }
        }
        Ok(part)
    }

    /// psql, the import, and the import once more.
    fn round(&self, rows: f64, url: &str, csv: &Path) -> Result<[Run; 3]> {
        let Self { bench, file, .. } = self;
        bench.reset()?;
        let copy =
            format!("\\copy control_plane.audit_logs ({COLUMNS}) from '{}' csv", csv.display());
        let copy = measure::run(bench.psql(url, &copy))?;
        same_rows(bench, rows, COPY)?;
        bench.reset()?;
        let import = bench.import(file, url)?;
        same_rows(bench, rows, OURS)?;
        let again = bench.import(file, url)?;
        same_rows(bench, rows, AGAIN)?;
        Ok([copy, import, again])
    }
}

fn add(part: &mut Part, transport: Transport, (round, rows): (u16, f64), runs: [Run; 3]) {
    let [copy, import, again] = runs;
    println!(
        "{round:>6} {:>12.0} {:>18.0} {:>7.2} {:>10.1} {:>24.0}   {}",
        rows / copy.seconds,
        rows / import.seconds,
        copy.seconds / import.seconds,
        measure::mib(import.peak_kib),
        rows / again.seconds,
        transport.name(),
    );
    let workload = transport.workload(IMPORT);
    for (side, run) in [(COPY, copy), (OURS, import), (AGAIN, again)] {
        part.add(&workload, side, ("rate", "records/s"), rows / run.seconds);
        part.add(&workload, side, ("memory", "MiB"), measure::mib(run.peak_kib));
    }
}

const NOTES: [&str; 4] = [
    "Both sides fill the same empty table with all its indexes and its trigger; psql reads CSV written \
     by psql, auditrail reads NDJSON and validates every field.",
    "psql copies all rows in one transaction; auditrail writes 5,000 records a transaction, so that an \
     interrupted import can be repeated and continues.",
    "An empty table and a checkpoint precede each measurement; the second import compares all records \
     with the existing ones and writes nothing.",
    "Program, psql and PostgreSQL share the processors of one machine.",
];

fn same_rows(bench: &Bench, rows: f64, side: &str) -> Result<()> {
    let count = count(bench)?;
    if (count - rows).abs() < 0.5 {
        Ok(())
    } else {
        Err(Error::Refused(format!("{side} wrote {count} rows instead of {rows}")))
    }
}

fn judge(part: &Part, transport: Transport, args: &Args) -> Result<()> {
    let workload = transport.workload(IMPORT);
    println!("\n{}", transport.name());
    for side in [COPY, OURS, AGAIN] {
        if let Some(figure) = part.figure(&workload, side, "rate") {
            let Spread { min, median, max } = Spread::of(figure.rounds.iter().copied());
            println!("{side:<24} median {median:>8.0} rows/s   ({min:.0} to {max:.0})");
        }
    }
    let ratio = part.ratio((&workload, "rate"), OURS, COPY);
    let Spread { min, median, max } =
        ratio.ok_or_else(|| Error::Refused("there are no measurements".to_owned()))?;
    let memory = part.figure(&workload, OURS, "memory").map_or(&[][..], |figure| &figure.rounds);
    let peak = memory.iter().copied().fold(0.0, f64::max);
    println!("ratio                    median {median:>8.2}          ({min:.2} to {max:.2})");
    println!("peak memory              {peak:.1} MiB");
    if median < args.at_least {
        return Err(Error::Refused(format!(
            "the ratio is {median:.2}, required are {}",
            args.at_least
        )));
    }
    if peak > f64::from(args.at_most_mib) {
        return Err(Error::Refused(format!("the import took more than {} MiB", args.at_most_mib)));
    }
    Ok(())
}
