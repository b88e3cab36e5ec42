//! Pages with warm caches.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::cases::{CASES, Case};
use super::filled::Filled;
use super::statement::{self, MISS, PAGE};
use super::{Args, report, views};
use crate::harness::http_client::{End, Http};
use crate::harness::service::Service;
use crate::harness::sql_client::{Answer, SqlClient};
use crate::result::Part;
use xtask::error::{Error, Result};

/// Offset of the later page in records; less if a search matches fewer.
const DEEP: u64 = 9_900;
/// Page size while walking to it.
const STRIDE: u64 = 1_000;
/// Cancels a bare statement.
pub(super) const STATEMENT_TIMEOUT: &str = "set statement_timeout = '5s'";

/// The fastest condition for a search, by the size of the log and the query string.
pub(super) type Chosen = HashMap<(u64, &'static str), String>;

/// Both sides of one log.
struct Sides<'a> {
    log: &'a Filled,
    http: Http,
    sql: SqlClient,
    service: Service,
}

impl<'a> Sides<'a> {
    fn start(log: &'a Filled) -> Result<Self> {
        let service = log.serve(&log.url()?)?;
        let http = Http::new(&service.address, log.key());
        let mut sql = log.sql_client()?;
        sql.query(STATEMENT_TIMEOUT)?;
        Ok(Self { log, http, sql, service })
    }
}

/// A page of a search, for both sides.
struct Page {
    workload: String,
    path: String,
    sql: String,
}

/// Measures all searches in all logs, search by search, so that compared figures are close in time.
pub(super) fn measure(logs: &[Filled], args: &Args, part: &mut Part) -> Result<Chosen> {
    let mut all = logs.iter().map(Sides::start).collect::<Result<Vec<_>>>()?;
    let mut chosen = Chosen::new();
    report::head(logs);
    for case in CASES.iter().filter(|case| args.selects(case)) {
        let mut pages = Vec::new();
        for sides in &mut all {
            let conditions = choose(&mut sides.sql, case)?;
            pages.push(pages_of(sides, case, &conditions)?);
            chosen.insert((sides.log.records, case.parameters), conditions);
        }
        for _ in 0..args.rounds {
            for (sides, pages) in all.iter_mut().zip(&pages) {
                for page in pages {
                    round(sides, page, args, part)?;
                }
            }
        }
        report::case(part, case, logs);
    }
    for mut sides in all {
        lower_bounds(&mut sides, args, part)?;
        stats(&sides, args, part)?;
        views::measure(sides.log, &sides.http, args, part)?;
        sides.service.stop()?;
    }
    Ok(chosen)
}

/// The fastest condition, by the second run of each.
fn choose(client: &mut SqlClient, case: &Case) -> Result<String> {
    let mut fastest: Option<(f64, String)> = None;
    for conditions in statement::conditions(case.parameters) {
        let sql = statement::page(&conditions, None);
        let first = client.query(&sql)?;
        let millis = if first.cancelled { first.millis } else { client.query(&sql)?.millis };
        if fastest.as_ref().is_none_or(|(best, _)| millis < *best) {
            fastest = Some((millis, conditions));
        }
    }
    fastest.map(|(_, conditions)| conditions).ok_or_else(|| Error::Refused("no statement".into()))
}

/// The first page, and a later one if there is one.
fn pages_of(sides: &mut Sides<'_>, case: &Case, conditions: &str) -> Result<Vec<Page>> {
    let name = |which| case.workload("warm", which);
    let page =
        |workload, path, after| Page { workload, path, sql: statement::page(conditions, after) };
    let mut pages = vec![page(name("first"), case.parameters.to_owned(), None)];
    if let Some(end) = far_on(&sides.http, case.parameters)? {
        let cursor = end.cursor.as_deref().unwrap_or_default();
        pages.push(page(
            name("far on"),
            format!("{}&cursor={cursor}", case.parameters),
            Some(&end),
        ));
    }
    for page in &pages {
        check_same(sides, page)?;
    }
    Ok(pages)
}

/// The end of the page before the later one; none if there is only one page.
fn far_on(http: &Http, parameters: &str) -> Result<Option<End>> {
    let (end, passed) = walk(http, parameters, DEEP)?;
    if end.cursor.is_some() || passed <= PAGE {
        return Ok(end.cursor.is_some().then_some(end));
    }
    let (end, _) = walk(http, parameters, (passed - 1) / PAGE * PAGE)?;
    Ok(end.cursor.is_some().then_some(end))
}

/// Skips as many records as exist up to `records`; the end of them and their number.
fn walk(http: &Http, parameters: &str, records: u64) -> Result<(End, u64)> {
    let (mut end, mut passed) = (End::default(), 0);
    while passed < records {
        let limit = (records - passed).min(STRIDE);
        let cursor = end.cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        end = http.list(&format!("{parameters}&limit={limit}{cursor}"))?.end()?;
        passed += end.records;
        if end.cursor.is_none() {
            break;
        }
    }
    Ok((end, passed))
}

/// Checks that both sides return the same records.
fn check_same(sides: &mut Sides<'_>, page: &Page) -> Result<()> {
    let end = sides.http.list(&page.path)?.end()?;
    let Answer { rows, last, cancelled, .. } = sides.sql.query(&page.sql)?;
    let id = last.into_iter().next().unwrap_or_default();
    if cancelled || (rows, &id) == (end.records, &end.id) {
        Ok(())
    } else {
        Err(Error::Refused(format!(
            "{}: auditrail found {} records to {}, and bare SQL {rows} to {id}: {}",
            page.workload, end.records, end.id, page.sql
        )))
    }
}

/// Times both sides in turn.
fn round(sides: &mut Sides<'_>, page: &Page, args: &Args, part: &mut Part) -> Result<()> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let budget = Duration::from_millis(args.budget_ms);
    let start = Instant::now();
    for time in 0..args.times {
        if time > 0 && start.elapsed() > budget {
            break;
        }
        ours.push(sides.http.list(&page.path)?.millis);
        bare.push(sides.sql.query(&page.sql)?.millis);
    }
    for (name, millis) in [("auditrail", &mut ours), ("bare SQL", &mut bare)] {
        part.add_times(&page.workload, &sides.log.side(name), millis);
    }
    Ok(())
}

/// Lower bounds of a page: a response without database and API key, and a missing record.
fn lower_bounds(sides: &mut Sides<'_>, args: &Args, part: &mut Part) -> Result<()> {
    for _ in 0..args.rounds {
        let (mut http, mut ours, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..args.times {
            http.push(sides.http.miss("/nothing")?);
            ours.push(sides.http.miss(MISS.0)?);
            bare.push(sides.sql.query(MISS.1)?.millis);
        }
        part.add_times("warm: nothing but HTTP", &sides.log.side("auditrail"), &mut http);
        let workload = "warm: a record that is not there";
        part.add_times(workload, &sides.log.side("auditrail"), &mut ours);
        part.add_times(workload, &sides.log.side("bare SQL"), &mut bare);
    }
    report::least(part, sides.log);
    Ok(())
}

/// Times statistics.
fn stats(sides: &Sides<'_>, args: &Args, part: &mut Part) -> Result<()> {
    for (name, filter) in [("everything", ""), ("a tenant", "tenant_id=tenant-0")] {
        let path = format!("/v1/audit-logs/stats?{filter}");
        sides.http.timed(&path)?;
        for _ in 0..args.rounds {
            let millis = sides.http.timed(&path)?.millis;
            let workload = format!("warm: stats of {name}");
            part.add(&workload, &sides.log.side("auditrail"), ("time", "ms"), millis);
        }
    }
    Ok(())
}
