//! `cargo xtask bench rows`: the cost of triggers and of the SQL function, without commits and clients.

use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const BUSINESS: &str = include_str!("../../peers/supa-audit/business.sql");
const SUPA_AUDIT: &str = include_str!("../../peers/supa-audit/trigger.sql");
const AUDIT_TABLE: &str =
    "select control_plane.audit_table('bench.projects', target_type => 'project')";
const TIMED: &str = include_str!("../../rows.sql");

/// In this order, since each changes every row once.
const CHANGES: [(&str, &str); 3] = [
    (
        "insert of a row",
        "insert into bench.projects (tenant_id, name, plan) values ('acme', 'apollo ' || n, 'free')",
    ),
    ("update of a row", "update bench.projects set plan = 'pro' where id = n"),
    ("delete of a row", "delete from bench.projects where id = n"),
];

/// Side, its set-up, and the query that counts its records.
const CAPTURES: [(&str, &str, &str); 3] = [
    ("auditrail", AUDIT_TABLE, "select count(*) from control_plane.audit_logs"),
    ("row trigger, as supa_audit", SUPA_AUDIT, "select count(*) from audit.record_version"),
    ("no trace at all", "", "select 0"),
];

/// The same record by the function and by a hand-written INSERT.
const RECORDS: [(&str, &str); 2] = [
    (
        "auditrail, record_audit_log",
        r#"perform control_plane.record_audit_log(('{"actor_type": "user",
            "actor_id": "usr_01hxyzabc", "action": "project.created", "target_type": "project",
            "target_id": "prj_01hxyzabcd", "metadata": {"plan": "pro", "region": "eu-west-1"},
            "ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64) curl/8.1",
            "tenant_id": "acme", "request_id": "req-' || n || '"}')::jsonb)"#,
    ),
    (
        "plain INSERT",
        r#"insert into control_plane.audit_logs (actor_type, actor_id, action, target_type,
            target_id, metadata, ip_address, user_agent, tenant_id, request_id)
           values ('user', 'usr_01hxyzabc', 'project.created', 'project', 'prj_01hxyzabcd',
            '{"plan": "pro", "region": "eu-west-1"}', '203.0.113.7',
            'Mozilla/5.0 (X11; Linux x86_64) curl/8.1', 'acme', 'req-' || n)"#,
    ),
];

const NOTES: [&str; 4] = [
    "Each figure is the mean time of one statement among many in one transaction inside PostgreSQL: no \
     client, no network, no commit. The transactions of an application take this time in addition.",
    "The trigger of auditrail writes a record with the actor and the request into \
     `control_plane.audit_logs` with all its indexes; of an update only the changed columns. The other \
     one follows the published design of supa_audit: it writes whole rows, without actors, into a \
     table with the four indexes of that design.",
    "The function parses, validates and writes a record with a version 7 id; the plain INSERT validates \
     nothing and uses a random id. Both build the record for each call.",
    "Each measurement has a fresh database.",
];

/// The cost of the triggers and of the SQL function, without commits and clients.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Statements of each kind in a round.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    statements: u32,
    /// Number of rounds.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let testbed = Testbed::start(workspace, &[])?;
    let notes = NOTES.map(str::to_owned).to_vec();
    let settings = testbed.settings(&[])?;
    let mut part = Part { name: "rows".to_owned(), settings, notes, ..Part::default() };
    for round in 1..=args.rounds {
        println!("round {round} of {}", args.rounds);
        for (side, set_up, count) in CAPTURES {
            let empty = prepare(&testbed)?;
            if !set_up.is_empty() {
                empty.sql(set_up)?;
            }
            for (workload, change) in CHANGES {
                measure(&empty, &mut part, (workload, side), change, args.statements)?;
            }
            let expected = if set_up.is_empty() { 0 } else { 3 * u64::from(args.statements) };
            check_count(&empty, count, expected, side)?;
        }
        for (side, record) in RECORDS {
            let empty = prepare(&testbed)?;
            measure(&empty, &mut part, ("record", side), record, args.statements)?;
            let expected = u64::from(args.statements);
            check_count(&empty, "select count(*) from control_plane.audit_logs", expected, side)?;
        }
    }
    part.save(workspace)
}

fn prepare(testbed: &Testbed) -> Result<ScratchDatabase<'_>> {
    let empty = testbed.empty("bench_rows")?;
    empty.sql(BUSINESS)?;
    empty.sql(TIMED)?;
    Ok(empty)
}

fn measure(
    empty: &ScratchDatabase<'_>,
    part: &mut Part,
    (workload, side): (&str, &str),
    statement: &str,
    times: u32,
) -> Result<()> {
    let millis = empty.sql(&format!("select bench.timed($of${statement}$of$, {times})"))?;
    let mean =
        millis.parse().map_err(|_| Error::Refused(format!("{side}: `{millis}` is not a time")))?;
    part.add(workload, side, ("mean", "ms"), mean);
    println!("  {workload:<18} {side:<28} {mean:>8.4} ms");
    Ok(())
}

/// Checks that each change has its record.
fn check_count(empty: &ScratchDatabase<'_>, count: &str, expected: u64, side: &str) -> Result<()> {
    let actual = empty.sql(count)?;
    if actual == expected.to_string() {
        Ok(())
    } else {
        Err(Error::Refused(format!("{side} wrote {actual} records instead of {expected}")))
    }
}
