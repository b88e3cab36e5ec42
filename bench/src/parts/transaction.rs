//! `cargo xtask bench transaction`: what a record costs in the caller's own transaction.

use serde_json::Value;

use crate::harness::build;
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::sh::Sh;
use xtask::workspace::Workspace;

const BUSINESS: &str = include_str!("../../peers/supa-audit/business.sql");
const TRIGGER: &str = include_str!("../../peers/supa-audit/trigger.sql");
const WARM_UP_SECONDS: u32 = 2;
const CONNECTIONS: [u16; 2] = [1, 16];

/// Name, what the program is told to do, and whether a trigger does it.
const SIDES: [(&str, &str, bool); 4] = [
    ("auditrail", "auditrail", false),
    ("plain INSERT", "plain", false),
    ("row trigger, as supa_audit", "none", true),
    ("no trace at all", "none", false),
];

const NOTES: [&str; 6] = [
    "Each transaction inserts one small row of business and leaves a trace of it. `mean`, `p50`, `p99` \
     and `max` are of whole transactions, from BEGIN to the end of COMMIT; `trace` is the mean of the \
     statement that leaves the trace alone, with making it up.",
    "auditrail reads and checks the record, makes its id and time, and returns the record as it is \
     stored; the plain INSERT lets the database make id and time and checks nothing. Both write into \
     the same table with all its indexes.",
    "The row trigger writes the row as jsonb into a table of its own with the four indexes of that \
     design: fewer and smaller ones than those of the audit log. It does not know who acted, from \
     where or on whose behalf, and its work is in the statement of business, so its `trace` is none.",
    "All sides are one program in Rust with sqlx over a Unix socket, each statement prepared once.",
    "Each measurement has a fresh database and two seconds of warm-up.",
    "Client and PostgreSQL share the processors of one machine.",
];

/// What a record costs in the caller's transaction, against a plain INSERT and a row trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For how long each side is measured in each round.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How often each side is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let testbed = Testbed::start(workspace, &[Transport::Unix])?;
    let program = build::bench(workspace, "bench-in-transaction")?;
    let notes = NOTES.map(str::to_owned).to_vec();
    let settings = testbed.settings(&[])?;
    let mut part = Part { name: "transaction".to_owned(), settings, notes, ..Part::default() };
    for round in 1..=args.rounds {
        println!("round {round} of {}", args.rounds);
        for connections in CONNECTIONS {
            for (side, told, trigger) in SIDES {
                let empty = testbed.empty("bench_transaction")?;
                empty.sql(BUSINESS)?;
                if trigger {
                    empty.sql(TRIGGER)?;
                }
                let seconds = [WARM_UP_SECONDS, args.seconds].map(|seconds| seconds.to_string());
                let run = Sh::new(&program)
                    .arg(empty.url(Transport::Unix)?)
                    .arg(told)
                    .arg(connections.to_string());
                let said = run.args(seconds).read()?;
                traced(&empty.sql(left(trigger, told))?, side)?;
                keep(&mut part, connections, side, &said)?;
            }
        }
    }
    part.settings.push(Transport::setting(&[Transport::Unix]));
    part.save(workspace)
}

/// Whether each row of business has its trace.
fn left(trigger: bool, told: &str) -> &'static str {
    match (trigger, told) {
        (true, _) => {
            "select (select count(*) from bench.projects) = (select count(*) from \
             audit.record_version where record ->> 'name' is not null and record_id is not null)"
        }
        (false, "none") => "select count(*) = 0 from control_plane.audit_logs",
        (false, _) => {
            "select (select count(*) from bench.projects) = (select count(*) from \
             control_plane.audit_logs)"
        }
    }
}

fn traced(answer: &str, side: &str) -> Result<()> {
    match answer {
        "t" => Ok(()),
        _ => Err(Error::Refused(format!("{side}: not each transaction left its trace"))),
    }
}

fn keep(part: &mut Part, connections: u16, side: &str, said: &str) -> Result<()> {
    let told: Value = serde_json::from_str(said)
        .map_err(|error| Error::Refused(format!("{side} said no figures ({error}): {said}")))?;
    let plural = if connections == 1 { "" } else { "s" };
    let workload = format!("transactions, {connections} connection{plural}");
    for metric in ["mean", "p50", "p99", "max", "trace"] {
        // Nothing that is timed leaves the trace of a trigger, or none.
        let own_trace = matches!(side, "auditrail" | "plain INSERT");
        if metric != "trace" || own_trace {
            let value = told[metric].as_f64();
            let none = || Error::Refused(format!("{side} wrote nothing in time"));
            part.add(&workload, side, (metric, "ms"), value.ok_or_else(none)?);
        }
    }
    println!(
        "  {workload:<28} {side:<28} mean {:>7.3} ms   p99 {:>7.3} ms",
        told["mean"].as_f64().unwrap_or_default(),
        told["p99"].as_f64().unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_kept_by_side_and_a_run_without_any_is_refused() {
        let mut part = Part::default();
        let said = r#"{"transactions":9,"mean":1.5,"p50":1.2,"p99":3.0,"max":4.0,"trace":0.4}"#;
        keep(&mut part, 1, "auditrail", said).unwrap();
        keep(&mut part, 1, "no trace at all", said).unwrap();
        let figure = |side, metric| part.figure("transactions, 1 connection", side, metric);
        assert_eq!(figure("auditrail", "trace").unwrap().rounds, [0.4]);
        assert_eq!(figure("no trace at all", "mean").unwrap().rounds, [1.5]);
        assert_eq!(figure("no trace at all", "trace"), None);
        let nothing = r#"{"transactions":0,"mean":null,"p50":null,"p99":null,"max":null}"#;
        assert!(keep(&mut part, 1, "auditrail", nothing).is_err());
    }
}
