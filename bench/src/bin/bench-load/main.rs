//! A closed-loop load client: each connection sends its next request after the response to the last one.
//! Prints one JSON document.
//!
//! The API key is read from `AUDITRAIL_KEY`, so that it does not appear in the list of processes.
//!
//! ```sh
//! load --to 127.0.0.1:8080 --connections 64 --seconds 10
//! load --to 127.0.0.1:8080 --connections 8 --batch 1000 --requests 400
//! load --to 127.0.0.1:8080 --connections 16 --read '/v1/audit-logs' --read-every 4
//! load --to 127.0.0.1:8080 --get '/v1/audit-logs?actor_type=user' --connections 8
//! load --to 127.0.0.1:8080 --connections 1 --requests 1 --mib-per-second 20 \
//!     --get '/v1/audit-logs/export?format=ndjson'
//! load --to 127.0.0.1:3000 --path /audit_logs --header 'prefer: return=minimal'
//! load --to 127.0.0.1:8080 --ids-to acknowledged.txt --open-to open.ndjson
//! load --to 127.0.0.1:8080 --again open.ndjson --ids-to acknowledged-later.txt
//! ```

mod client;
mod error;
mod outcomes;
mod report;
mod requests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::Value;
use tokio::task::JoinSet;

use client::{Client, Deadline, Pace};
use error::Error;
use report::Report;
use requests::{ID, Requests};

/// Send requests in a closed loop, and print rates and latencies as JSON.
#[derive(Debug, Parser)]
struct Args {
    /// The address of the service.
    #[arg(long)]
    to: SocketAddr,
    /// Number of connections.
    #[arg(long, default_value_t = 64)]
    connections: u16,
    /// Duration in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Maximum total number of requests.
    #[arg(long)]
    requests: Option<u64>,
    /// Send batches of this size instead of single records.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: Option<u32>,
    /// Approximate size of each record, reached by padding its metadata.
    #[arg(long, default_value_t = 0)]
    record_bytes: usize,
    /// Send the records of this file, one a line, instead of the sample.
    #[arg(long, conflicts_with = "record_bytes")]
    bodies: Option<PathBuf>,
    /// The path of the requests; by default that of Auditrail.
    #[arg(long)]
    path: Option<String>,
    /// A header of each request, as `name: value`.
    #[arg(long)]
    header: Vec<String>,
    /// Read this path instead of writing.
    #[arg(long, conflicts_with_all = ["batch", "record_bytes", "bodies", "path"])]
    get: Option<String>,
    /// Interleave reads of this path.
    #[arg(long, requires = "read_every", conflicts_with = "get")]
    read: Option<String>,
    /// Every n-th request is such a read.
    #[arg(long, requires = "read", value_parser = clap::value_parser!(u64).range(2..))]
    read_every: Option<u64>,
    /// Give each record a distinct request id, send it as Idempotency-Key too, and write the
    /// acknowledged ids to this file.
    #[arg(long, conflicts_with_all = ["batch", "get", "read"])]
    ids_to: Option<PathBuf>,
    /// Write the records without acknowledgement to this file, with their ids.
    #[arg(long, requires = "ids_to")]
    open_to: Option<PathBuf>,
    /// Send each record of such a file once.
    #[arg(long, conflicts_with_all = ["batch", "get", "read", "bodies", "record_bytes"])]
    again: Option<PathBuf>,
    /// Maximum speed of reading each response.
    #[arg(long)]
    mib_per_second: Option<f64>,
    /// Maximum number of requests a second over all connections; without it the loop is closed.
    #[arg(long)]
    per_second: Option<f64>,
    /// The API key.
    #[arg(long, env = "AUDITRAIL_KEY", hide_env_values = true)]
    key: Option<String>,
}

// A single thread uses less of the processors, which are shared with the server, than several that hand
// work to each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let report = run(Args::parse()).await?;
    #[expect(clippy::print_stdout, reason = "the report is the output")]
    {
        println!("{}", report.json());
    }
    if report.is_clean() { Ok(ExitCode::SUCCESS) } else { Ok(ExitCode::FAILURE) }
}

async fn run(args: Args) -> Result<Report, Error> {
    let requests = prepare(&args)?;
    let all = args.again.as_ref().map(|_| requests.len());
    let requests = Arc::new(requests.with_headers(args.to, args.key.as_deref(), &args.header)?);
    let start = Instant::now();
    let deadline = Deadline::new(start + Duration::from_secs(args.seconds), args.requests.or(all));
    let mut clients = JoinSet::new();
    for index in 0..args.connections {
        let pace = args.per_second.filter(|rate| *rate > 0.0);
        let pace = pace.map(|rate| Pace::new(start, (index, args.connections), rate));
        let client = Client::new(args.to, Arc::clone(&requests), args.mib_per_second, pace);
        clients.spawn(client.work(Arc::clone(&deadline)));
    }
    let mut report = Report::new(args.connections, args.batch, requests.have_ids());
    for one in clients.join_all().await {
        report.add(one);
    }
    report.ended(start.elapsed());
    if let Some(file) = &args.ids_to {
        outcomes::ids(file, &requests, report.done())?;
    }
    if let Some(file) = &args.open_to {
        outcomes::bodies(file, &requests, report.open())?;
    }
    Ok(report)
}

/// What is sent.
fn prepare(args: &Args) -> Result<Requests, Error> {
    if let Some(path) = &args.get {
        return Requests::get(path);
    }
    let usual = if args.batch.is_some() { "/v1/audit-logs/batch" } else { "/v1/audit-logs" };
    let path = args.path.as_deref().unwrap_or(usual);
    if let Some(file) = &args.again {
        return Requests::again(path, requests::file(file, None)?);
    }
    let mut records = match &args.bodies {
        Some(file) => requests::file(file, args.batch)?,
        None => requests::sample(args.batch, args.record_bytes),
    };
    if args.ids_to.is_some() {
        records.iter_mut().filter_map(Value::as_object_mut).for_each(|record| {
            record.remove(ID);
        });
    }
    let requests = match args.batch {
        Some(size) => Requests::post_batches(path, &records, size as usize)?,
        None => Requests::post(path, records)?,
    };
    let requests = match (&args.read, args.read_every) {
        (Some(path), Some(every)) => requests.with_reads(path, every)?,
        _ => requests,
    };
    // Two runs against one table must not use the same ids.
    let start = format!("load-{}", std::process::id());
    Ok(if args.ids_to.is_some() { requests.with_ids(start) } else { requests })
}
