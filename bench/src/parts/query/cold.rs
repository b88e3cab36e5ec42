//! Pages with cold caches, as after a crash.

use super::cases::{CASES, Case};
use super::filled::Filled;
use super::warm::{Chosen, STATEMENT_TIMEOUT};
use super::{Args, statement};
use crate::harness::http_client::Http;
use crate::result::Part;
use xtask::error::Result;

/// Searches that read different indexes and parts of the table.
const SEARCHES: [&str; 8] = [
    "",
    "tenant_id=tenant-27",
    "actor_id=user-0-2",
    "target_type=certificate",
    "ip_address=198.51.100.9",
    "action=infra.*",
    "metadata.trace=22a4d9b04fe95c9893b41e2fde83a427",
    "actor_id=system&action=key.rotated",
];

/// Restarts each log for each side in every round.
pub(super) fn measure(
    logs: &[Filled],
    args: &Args,
    chosen: &Chosen,
    part: &mut Part,
) -> Result<()> {
    let cases: Vec<&Case> = SEARCHES.iter().filter_map(|search| find(search, args)).collect();
    if cases.is_empty() || args.cold_rounds == 0 {
        return Ok(());
    }
    println!("\ncold: {} searches after each of {} starts per side", cases.len(), args.cold_rounds);
    for _ in 0..args.cold_rounds {
        for log in logs {
            log.restart_cold()?;
            ours(log, &cases, part)?;
            log.restart_cold()?;
            bare(log, &cases, chosen, part)?;
        }
    }
    super::report::cold(part, &cases, logs);
    Ok(())
}

fn find(parameters: &str, args: &Args) -> Option<&'static Case> {
    CASES.iter().find(|case| case.parameters == parameters && args.selects(case))
}

fn ours(log: &Filled, cases: &[&Case], part: &mut Part) -> Result<()> {
    let service = log.serve(&log.url()?)?;
    let http = Http::new(&service.address, log.key());
    http.miss(statement::MISS.0)?;
    for case in cases {
        let millis = http.list(case.parameters)?.millis;
        let workload = case.workload("cold", "first");
        part.add(&workload, &log.side("auditrail"), ("time", "ms"), millis);
    }
    service.stop()
}

fn bare(log: &Filled, cases: &[&Case], chosen: &Chosen, part: &mut Part) -> Result<()> {
    let mut sql = log.sql_client()?;
    sql.query(STATEMENT_TIMEOUT)?;
    sql.query(statement::MISS.1)?;
    for case in cases {
        let conditions = chosen.get(&(log.records, case.parameters));
        let conditions = conditions.cloned().unwrap_or_else(|| "true".to_owned());
        let millis = sql.query(&statement::page(&conditions, None))?.millis;
        let workload = case.workload("cold", "first");
        part.add(&workload, &log.side("bare SQL"), ("time", "ms"), millis);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_searches_are_cases() {
        for search in SEARCHES {
            assert!(CASES.iter().any(|case| case.parameters == search), "{search}");
        }
    }
}
