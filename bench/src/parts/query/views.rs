//! Reads besides the pages of a search: single records, pages of the feed, values, facets and histograms.

use super::Args;
use super::filled::Filled;
use crate::harness::http_client::Http;
use crate::result::Part;
use xtask::error::Result;

/// Names and paths.
const VIEWS: [(&str, &str); 11] = [
    ("feed, first page", "feed?limit=100"),
    ("feed, last page", "feed?limit=100&after=LAST"),
    ("feed of a tenant, last page", "feed?limit=100&after=LAST&tenant_id=tenant-0"),
    ("values of action", "values?field=action"),
    ("values of actor_id with a prefix", "values?field=actor_id&prefix=user-1"),
    ("facets of everything", "facets"),
    ("facets of a tenant", "facets?tenant_id=tenant-0"),
    ("facets of a rare target", "facets?target_id=cert-1"),
    ("histogram of everything", "histogram"),
    ("histogram of a tenant", "histogram?tenant_id=tenant-0"),
    ("histogram of a day", "histogram?since=2026-05-01T00:00:00Z&until=2026-05-02T00:00:00Z"),
];
/// Number of different single records.
const RECORDS: u32 = 500;

/// Times each read, and prints its percentiles.
pub(super) fn measure(log: &Filled, http: &Http, args: &Args, part: &mut Part) -> Result<()> {
    println!("\n{:<50} {:>8} {:>8} {:>8}  ms", log.side("other reads"), "p50", "p99", "max");
    let ids = log.bench.sql(&format!(
        "select id from control_plane.audit_logs tablesample system (1) order by random() limit {RECORDS}"
    ))?;
    let ids: Vec<String> = ids.lines().map(|id| format!("/v1/audit-logs/{id}")).collect();
    let last = log.records.saturating_sub(101).to_string();
    for _ in 0..args.rounds {
        let mut millis = times(http, ids.iter(), ids.len())?;
        part.add_times("warm: a record by its id", &log.side("auditrail"), &mut millis);
        for (name, path) in VIEWS {
            let path = format!("/v1/audit-logs/{}", path.replace("LAST", &last));
            let mut millis = times(http, std::iter::repeat(&path), args.times as usize)?;
            part.add_times(&workload(name), &log.side("auditrail"), &mut millis);
        }
    }
    for name in ["a record by its id"].into_iter().chain(VIEWS.map(|(name, _)| name)) {
        print!("{name:<50}");
        for metric in ["p50", "p99", "max"] {
            let figure = part.figure(&workload(name), &log.side("auditrail"), metric);
            print!(" {:>8.1}", figure.map_or(0.0, |figure| figure.spread().median));
        }
        println!();
    }
    Ok(())
}

fn workload(name: &str) -> String {
    format!("warm: {name}")
}

/// The milliseconds of reading each of these paths, after a first one.
fn times<'a>(
    http: &Http,
    paths: impl Iterator<Item = &'a String>,
    times: usize,
) -> Result<Vec<f64>> {
    let mut millis = Vec::new();
    for path in paths.take(times + 1) {
        millis.push(http.timed(path)?.millis);
    }
    Ok(millis.split_off(1.min(millis.len())))
}
