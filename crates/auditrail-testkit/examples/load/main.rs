//! A closed-loop load for the HTTP service: so many connections, each of which sends its next request
//! when it has the answer to the one before. Prints one JSON document.
//!
//! The key is read from `AUDITRAIL_KEY`, so that it is not seen in a list of processes.
//!
//! ```sh
//! load --to 127.0.0.1:8080 --connections 64 --seconds 10
//! load --to 127.0.0.1:8080 --connections 8 --batch 1000 --requests 400
//! load --to 127.0.0.1:8080 --get '/v1/audit-logs?actor_type=user' --connections 8
//! load --to 127.0.0.1:8080 --connections 1 --requests 1 --mib-per-second 20 \
//!     --get '/v1/audit-logs/export?format=ndjson'
//! ```

mod client;
mod report;
mod requests;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::task::JoinSet;

use client::{Client, Until};
use report::Report;
use requests::Requests;

/// Sends requests as fast as they are answered, and prints how fast that was, as JSON.
#[derive(Debug, Parser)]
struct Args {
    /// Where the service answers.
    #[arg(long)]
    to: SocketAddr,
    /// How many connections; each is kept open.
    #[arg(long, default_value_t = 64)]
    connections: u16,
    /// For how long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Ends earlier, after as many requests in all.
    #[arg(long)]
    requests: Option<u64>,
    /// Sends batches of as many records; else single ones.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: Option<u32>,
    /// Makes each record this long, about, by what is noted in its metadata.
    #[arg(long, default_value_t = 0)]
    record_bytes: usize,
    /// Reads this path instead of writing.
    #[arg(long, conflicts_with_all = ["batch", "record_bytes"])]
    get: Option<String>,
    /// Reads each answer no faster than this.
    #[arg(long)]
    mib_per_second: Option<f64>,
    /// The API key.
    #[arg(long, env = "AUDITRAIL_KEY", hide_env_values = true)]
    key: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let report = run(Args::parse()).await;
    #[expect(clippy::print_stdout, reason = "the one thing it is for")]
    {
        println!("{}", report.json());
    }
    match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn run(args: Args) -> Report {
    let requests = match &args.get {
        Some(path) => Requests::get(path),
        None => Requests::post(args.batch, args.record_bytes),
    };
    let requests = Arc::new(requests.with_key(args.to, &args.key));
    let began = Instant::now();
    let until = Until::new(began + Duration::from_secs(args.seconds), args.requests);
    let mut clients = JoinSet::new();
    for number in 0..usize::from(args.connections) {
        let client = Client::new(args.to, Arc::clone(&requests), args.mib_per_second);
        clients.spawn(client.work(number, Arc::clone(&until)));
    }
    let mut report = Report::new(args.connections, args.batch);
    for one in clients.join_all().await {
        report.add(&one);
    }
    report.ended(began.elapsed());
    report
}
