//! The queries of the demonstration: summaries of the month, and the investigation of the incident.

use super::{Demo, psql};
use crate::error::{Error, Result};

/// The key that leaks in every sample; a query that does not find it fails the demonstration.
pub(super) const LEAKED_KEY: &str = "key_q7mzc4rtxw2e";

/// The night of the default month in which it is used.
pub(super) const NIGHT: [&str; 2] = ["2026-03-12T00:00:00Z", "2026-03-12T06:00:00Z"];

/// Summaries: a title, and SQL for psql.
const SUMMARIES: [(&str, &str); 3] = [
    (
        "The busiest actors",
        "select actor_type, actor_id, count(*) as records \
           from control_plane.audit_logs group by 1, 2 order by 3 desc, 2 limit 10",
    ),
    (
        "Actions",
        "select action, count(*) as records, count(distinct target_id) as targets \
           from control_plane.audit_logs group by 1 order by 2 desc, 1 limit 15",
    ),
    (
        "Day by day",
        "select (created_at at time zone 'UTC')::date as day, count(*) as records, \
                count(distinct actor_id) as actors \
           from control_plane.audit_logs group by 1 order by 1",
    ),
];

/// How often the key was used from which addresses.
const ADDRESSES: &str = "select ip_address, user_agent, count(*) as records, \
    min(created_at) as first, max(created_at) as last \
    from control_plane.audit_logs where actor_id = 'KEY' group by 1, 2 order by 3 desc";

pub(super) fn run(demo: &Demo) -> Result<()> {
    for (title, sql) in SUMMARIES {
        println!("\n# {title}");
        psql(demo, sql)?;
    }
    println!("\n# A key was revoked as leaked. From where was it used?");
    let addresses = ADDRESSES.replace("KEY", LEAKED_KEY);
    psql(demo, &addresses)?;

    println!("\n# What was done to that key?");
    let target = format!("api_key:{LEAKED_KEY}");
    query(demo, &["--target", &target])?;

    println!("\n# Which secrets did it read that night?");
    let actor = format!("api_key:{LEAKED_KEY}");
    let [from, to] = NIGHT;
    let night = ["--since", from, "--until", to, "--limit", "100"];
    let filters = ["--actor", &actor, "--action", "secret.accessed"];
    query(demo, &[filters.as_slice(), &night].concat())
}

/// Runs a query twice: as a table for the reader, and as JSON to check that it finds the key.
fn query(demo: &Demo, filters: &[&str]) -> Result<()> {
    demo.auditrail().arg("query").args(filters).show_and_run()?;
    let json = demo.auditrail().args(["--json", "query"]).args(filters).read()?;
    if json.contains(LEAKED_KEY) {
        return Ok(());
    }
    Err(Error::Refused(format!("{filters:?} did not find the incident of the sample")))
}
