//! `cargo xtask bench transaction`: the cost of a record in the caller's transaction.

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

/// Name, argument of the program, and whether a trigger writes the record.
const SIDES: [(&str, &str, bool); 4] = [
    ("auditrail", "auditrail", false),
    ("plain INSERT", "plain", false),
    ("row trigger, as supa_audit", "none", true),
    ("no trace at all", "none", false),
];

const NOTES: [&str; 6] = [
    "Each transaction inserts one small row of business data and its record. `mean`, `p50`, `p99` and \
     `max` are of whole transactions, from BEGIN to the end of COMMIT; `trace` is the mean of the \
     statement that writes the record, including building it.",
    "auditrail parses and validates the record, generates its id and time, and returns the stored \
     record; the plain INSERT uses the defaults of the database and validates nothing. Both write to \
     the same table with all its indexes.",
    "The row trigger writes the row as jsonb into a table with the four indexes of that design, which \
     are fewer and smaller than those of the audit log. It records neither actor nor request, and is \
     part of the statement of business, so it has no `trace`.",
    "All sides are one program in Rust with sqlx over a Unix socket, and prepare each statement once.",
    "Each measurement has a fresh database and two seconds of warm-up.",
    "Client and PostgreSQL share the processors of one machine.",
];

/// The cost of a record in the caller's transaction, against a plain INSERT and a row trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Duration of each measurement, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Number of rounds.
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
            for (side, argument, has_trigger) in SIDES {
                let empty = testbed.empty("bench_transaction")?;
                empty.sql(BUSINESS)?;
                if has_trigger {
                    empty.sql(TRIGGER)?;
                }
                let seconds = [WARM_UP_SECONDS, args.seconds].map(|seconds| seconds.to_string());
                let run = Sh::new(&program)
                    .arg(empty.url(Transport::Unix)?)
                    .arg(argument)
                    .arg(connections.to_string());
                let output = run.args(seconds).read()?;
                check_records(&empty.sql(check(has_trigger, argument))?, side)?;
                add(&mut part, connections, side, &output)?;
            }
        }
    }
    part.settings.push(Transport::setting(&[Transport::Unix]));
    part.save(workspace)
}

/// The query whether each row of business data has its record.
fn check(has_trigger: bool, argument: &str) -> &'static str {
    match (has_trigger, argument) {
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

fn check_records(answer: &str, side: &str) -> Result<()> {
    match answer {
        "t" => Ok(()),
        _ => Err(Error::Refused(format!("{side}: some transactions have no record"))),
    }
}

fn add(part: &mut Part, connections: u16, side: &str, output: &str) -> Result<()> {
    let report: Value = serde_json::from_str(output).map_err(|error| {
        Error::Refused(format!("{side} printed no figures ({error}): {output}"))
    })?;
    let plural = if connections == 1 { "" } else { "s" };
    let workload = format!("transactions, {connections} connection{plural}");
    for metric in ["mean", "p50", "p99", "max", "trace"] {
        // Without a statement of its own there is nothing to time.
        let own_trace = matches!(side, "auditrail" | "plain INSERT");
        if metric != "trace" || own_trace {
            let value = report[metric].as_f64();
            let none = || Error::Refused(format!("{side} completed no transaction in time"));
            part.add(&workload, side, (metric, "ms"), value.ok_or_else(none)?);
        }
    }
    println!(
        "  {workload:<28} {side:<28} mean {:>7.3} ms   p99 {:>7.3} ms",
        report["mean"].as_f64().unwrap_or_default(),
        report["p99"].as_f64().unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_added_by_side() {
        let mut part = Part::default();
        let output = r#"{"transactions":9,"mean":1.5,"p50":1.2,"p99":3.0,"max":4.0,"trace":0.4}"#;
        add(&mut part, 1, "auditrail", output).unwrap();
        add(&mut part, 1, "no trace at all", output).unwrap();
        let figure = |side, metric| part.figure("transactions, 1 connection", side, metric);
        assert_eq!(figure("auditrail", "trace").unwrap().rounds, [0.4]);
        assert_eq!(figure("no trace at all", "mean").unwrap().rounds, [1.5]);
        assert_eq!(figure("no trace at all", "trace"), None);
        let nothing = r#"{"transactions":0,"mean":null,"p50":null,"p99":null,"max":null}"#;
        assert!(add(&mut part, 1, "auditrail", nothing).is_err());
    }
}
