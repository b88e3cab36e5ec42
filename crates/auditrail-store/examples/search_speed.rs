//! Answers searches one after the other and says how long each took, for `cargo xtask bench query`.
//!
//! ```text
//! cargo run --release -p auditrail-store --example search_speed -- postgres://…
//! ```
//!
//! Reads a line for each call: a query string as `GET /v1/audit-logs` takes it, not percent-encoded;
//! or `stats` and `export`, each with its filters after a space. Answers with a line: microseconds,
//! records, and the cursor of the next page or `-`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::env;
use std::io::{self, BufRead};
use std::pin::pin;
use std::time::Instant;

use auditrail_core::{CursorKey, ExportEncoder, ExportFormat, Filters, Query};
use auditrail_store::{PgAuditLog, SummaryOptions};
use futures_util::TryStreamExt;
use sqlx::postgres::PgPoolOptions;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let url = env::args().nth(1).ok_or("give the URL of a database")?;
    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await?;
    let log = PgAuditLog::new(pool, CursorKey::public());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (call, parameters) = line.split_once(' ').unwrap_or(("", &line));
        let start = Instant::now();
        let (records, cursor) = match call {
            "stats" => stats(&log, parameters).await?,
            "export" => export(&log, parameters).await?,
            _ => page(&log, parameters).await?,
        };
        let micros = start.elapsed().as_micros();
        println!("{micros}\t{records}\t{}", cursor.as_deref().unwrap_or("-"));
    }
    Ok(())
}

fn pairs(parameters: &str) -> impl Iterator<Item = (&str, &str)> {
    parameters.split('&').filter_map(|pair| pair.split_once('='))
}

fn filters(parameters: &str) -> Filters {
    Filters::from_pairs(pairs(parameters)).unwrap()
}

async fn page(log: &PgAuditLog, parameters: &str) -> Result<(u64, Option<String>)> {
    let query = Query::from_pairs(pairs(parameters), log.cursor_key()).unwrap();
    let page = log.page(&query).await?;
    Ok((page.data.len() as u64, page.pagination.next_cursor))
}

async fn stats(log: &PgAuditLog, parameters: &str) -> Result<(u64, Option<String>)> {
    let options = SummaryOptions { top: 20, interval: None, recent: true };
    let summary = log.summary(&filters(parameters), options).await?;
    Ok((summary.total, None))
}

/// The bytes are made and dropped, as a reader that keeps up would have it.
async fn export(log: &PgAuditLog, parameters: &str) -> Result<(u64, Option<String>)> {
    let mut records = pin!(log.export(filters(parameters)));
    let mut encoder = ExportEncoder::new(ExportFormat::Ndjson);
    let (mut count, mut bytes) = (0, Vec::new());
    while let Some(record) = records.try_next().await? {
        encoder.record(&record, &mut bytes)?;
        bytes.clear();
        count += 1;
    }
    encoder.finish(&mut bytes)?;
    Ok((count, None))
}
