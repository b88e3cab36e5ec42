//! What the demonstration asks: how the month went, and what went wrong in it.

use super::{Demo, psql};
use crate::error::{Error, Result};

/// The key that leaks in every sample, and where it is used from. The generator's tests hold these;
/// a question without an answer fails the demonstration, so a change there is noticed here.
const LEAKED_KEY: &str = "key_q7mzc4rtxw2e";

/// The night it is used, in the default month.
const NIGHT: [&str; 2] = ["2026-03-12T00:00:00Z", "2026-03-12T06:00:00Z"];

/// Summaries: a title and its SQL, for `psql`.
const SUMMARIES: [(&str, &str); 3] = [
    (
        "The busiest actors",
        "select actor_type, actor_id, count(*) as records \
           from control_plane.audit_logs group by 1, 2 order by 3 desc, 2 limit 10",
    ),
    (
        "What was done",
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

/// From which addresses the key was used, and how often.
const ADDRESSES: &str = "select ip_address, user_agent, count(*) as records, \
    min(created_at) as first, max(created_at) as last \
    from control_plane.audit_logs where actor_id = 'KEY' group by 1, 2 order by 3 desc";

pub(super) fn run(demo: &Demo) -> Result<()> {
    for (title, sql) in SUMMARIES {
        println!("\n# {title}");
        psql(demo, sql)?;
    }
    println!("\n# One: a key was revoked as leaked. Who used it, and from where?");
    let addresses = ADDRESSES.replace("KEY", LEAKED_KEY);
    psql(demo, &addresses)?;

    println!("\n# Two: what else happened to that key?");
    let target = format!("api_key:{LEAKED_KEY}");
    query(demo, &["--target", &target])?;

    println!("\n# Three: which secrets did it read that night?");
    let actor = format!("api_key:{LEAKED_KEY}");
    let [from, to] = NIGHT;
    let night = ["--since", from, "--until", to, "--limit", "100"];
    let filters = ["--actor", &actor, "--action", "secret.accessed"];
    query(demo, &[filters.as_slice(), &night].concat())
}

/// Asks twice: once for people, once to be sure that there was an answer.
fn query(demo: &Demo, filters: &[&str]) -> Result<()> {
    demo.auditrail().arg("query").args(filters).show_and_run()?;
    let json = demo.auditrail().args(["--json", "query"]).args(filters).read()?;
    if json.contains(LEAKED_KEY) {
        return Ok(());
    }
    Err(Error::Refused(format!("the sample holds an incident, but {filters:?} did not find it")))
}
