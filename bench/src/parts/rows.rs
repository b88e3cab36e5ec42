//! `cargo xtask bench rows`: what the triggers and the function in SQL cost, without commits and clients.

use crate::harness::testbed::{ScratchDatabase, Testbed};
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const BUSINESS: &str = include_str!("../../peers/supa-audit/business.sql");
const SUPA_AUDIT: &str = include_str!("../../peers/supa-audit/trigger.sql");
const OURS: &str = "select control_plane.audit_table('bench.projects', target_type => 'project')";
const TIMED: &str = include_str!("../../rows.sql");

/// Each changes every row once, so they run in this order.
const CHANGES: [(&str, &str); 3] = [
    (
        "insert of a row",
        "insert into bench.projects (tenant_id, name, plan) values ('acme', 'apollo ' || n, 'free')",
    ),
    ("update of a row", "update bench.projects set plan = 'pro' where id = n"),
    ("delete of a row", "delete from bench.projects where id = n"),
];

/// Side, what makes it, and how to count what it left.
const CAPTURES: [(&str, &str, &str); 3] = [
    ("auditrail", OURS, "select count(*) from control_plane.audit_logs"),
    ("row trigger, as supa_audit", SUPA_AUDIT, "select count(*) from audit.record_version"),
    ("no trace at all", "", "select 0"),
];

/// The same record, by the function and by hand.
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
    "Each figure is the mean of one statement among many in one transaction, run inside PostgreSQL: \
     no client, no network, no commit. In a transaction of an application these are added to what \
     that costs.",
    "Our trigger writes a whole record, with the actor and the request, into `control_plane.audit_logs` \
     with all its indexes; an update has only the columns that changed. The other one, after the \
     published approach of supa_audit, writes whole rows into a table of its own with the four \
     indexes of that design and knows nothing of actors.",
    "The function reads, checks and writes a record and makes a version 7 id; the plain INSERT checks \
     nothing and lets the database make a random one. Both make the same record anew each time.",
    "Each measurement has a fresh database.",
];

/// What the triggers and the function in SQL cost, without commits and clients.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many statements of a kind are measured in each round.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    statements: u32,
    /// How often each side is measured.
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
        for (side, made_by, counted_by) in CAPTURES {
            let empty = ready(&testbed)?;
            if !made_by.is_empty() {
                empty.sql(made_by)?;
            }
            for (workload, change) in CHANGES {
                timed(&empty, &mut part, (workload, side), change, args.statements)?;
            }
            let expected = if made_by.is_empty() { 0 } else { 3 * u64::from(args.statements) };
            left(&empty, counted_by, expected, side)?;
        }
        for (side, record) in RECORDS {
            let empty = ready(&testbed)?;
            timed(&empty, &mut part, ("record", side), record, args.statements)?;
            let expected = u64::from(args.statements);
            left(&empty, "select count(*) from control_plane.audit_logs", expected, side)?;
        }
    }
    part.save(workspace)
}

fn ready(testbed: &Testbed) -> Result<ScratchDatabase<'_>> {
    let empty = testbed.empty("bench_rows")?;
    empty.sql(BUSINESS)?;
    empty.sql(TIMED)?;
    Ok(empty)
}

fn timed(
    empty: &ScratchDatabase<'_>,
    part: &mut Part,
    (workload, side): (&str, &str),
    statement: &str,
    times: u32,
) -> Result<()> {
    let said = empty.sql(&format!("select bench.timed($of${statement}$of$, {times})"))?;
    let mean = said.parse().map_err(|_| Error::Refused(format!("{side} said no time: {said}")))?;
    part.add(workload, side, ("mean", "ms"), mean);
    println!("  {workload:<18} {side:<28} {mean:>8.4} ms");
    Ok(())
}

/// Whether each change has its trace.
fn left(empty: &ScratchDatabase<'_>, counted_by: &str, expected: u64, side: &str) -> Result<()> {
    let found = empty.sql(counted_by)?;
    if found == expected.to_string() {
        Ok(())
    } else {
        Err(Error::Refused(format!("{side} left {found} traces instead of {expected}")))
    }
}
