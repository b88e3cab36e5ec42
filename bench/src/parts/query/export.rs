//! An export of the whole log, beside psql's `\copy` of the same rows in the same order.

use std::time::Instant;

use super::filled::{Filled, grouped};
use super::statement;
use crate::harness::http_client::Http;
use crate::harness::measure;
use crate::result::Part;
use xtask::error::Result;

pub(super) fn measure(log: &Filled, rounds: u16, part: &mut Part) -> Result<()> {
    let workload = format!("export of {} records", grouped(log.records));
    println!("\n{workload}\n{:<34} {:>12} {:>12}", "", "records/s", "peak MiB");
    let url = log.url()?;
    #[expect(clippy::cast_precision_loss, reason = "records are far below 2^52")]
    let records = log.records as f64;
    for _ in 0..rounds {
        for format in ["ndjson", "csv"] {
            // A fresh service, so that its peak memory is the export's.
            let service = log.serve(&url)?;
            let http = Http::new(&service.address, log.key());
            let start = Instant::now();
            http.drain(&format!("/v1/audit-logs/export?format={format}"))?;
            let rate = records / start.elapsed().as_secs_f64();
            let peak = service.memory()?.peak_mib;
            service.stop()?;
            add(part, &workload, &format!("auditrail, {format}"), rate, peak);
        }
        let everything = statement::everything();
        let objects = format!("select row_to_json(one) from ({everything}) one");
        for (format, copy) in [
            ("json", format!("\\copy ({objects}) to '/dev/null'")),
            ("csv", format!("\\copy ({everything}) to '/dev/null' csv")),
        ] {
            let run = measure::run(log.bench.psql(&url, &copy))?;
            let peak = measure::mib(run.peak_kib);
            add(part, &workload, &format!("psql \\copy, {format}"), records / run.seconds, peak);
        }
    }
    Ok(())
}

fn add(part: &mut Part, workload: &str, side: &str, rate: f64, peak: f64) {
    println!("{side:<34} {rate:>12.0} {peak:>12.1}");
    part.add(workload, side, ("rate", "records/s"), rate);
    part.add(workload, side, ("memory", "MiB"), peak);
}
