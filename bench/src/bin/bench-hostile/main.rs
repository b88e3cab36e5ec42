//! Clients that use up what a service has without asking for anything: idle connections, and requests and
//! responses that proceed as slowly as possible. Prints one JSON document at the end.
//!
//! Idle connections come from several addresses of the loopback network, and send nothing. The slow ones
//! are four kinds in equal numbers: request heads, request bodies with a valid key, and readers of pages and
//! of exports. Whatever the service closes is opened again after a pause.
//!
//! ```sh
//! AUDITRAIL_KEY=adt_live_… bench-hostile --to 127.0.0.1:8080 --idle 5000 --slow 200 --seconds 600
//! ```

mod idle;
mod slow;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use slow::Kind;

/// Open idle and slow connections.
#[derive(Debug, Parser)]
struct Args {
    /// The address of the service.
    #[arg(long)]
    to: SocketAddr,
    /// Number of idle connections.
    #[arg(long, default_value_t = 5_000)]
    idle: u32,
    /// Number of slow connections.
    #[arg(long, default_value_t = 200)]
    slow: u32,
    /// Duration in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// An API key with the scopes `write`, `read` and `export`.
    #[arg(long, env = "AUDITRAIL_KEY", hide_env_values = true)]
    key: String,
}

/// What the connections of one kind experienced.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Connections that were opened.
    opened: u64,
    /// Connections that the service closed.
    closed: u64,
    /// Connections that could not be opened.
    failed: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.failed += other.failed;
    }

    fn json(self) -> Value {
        json!({ "opened": self.opened, "closed": self.closed, "failed": self.failed })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args = Args::parse();
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let mut tasks = JoinSet::new();
    for n in 0..args.idle {
        tasks.spawn(async move { ("idle", idle::run(args.to, n, end).await) });
    }
    for (n, kind) in (0..args.slow).zip(Kind::ALL.into_iter().cycle()) {
        let key = args.key.clone();
        tasks.spawn(async move { (kind.name(), slow::run(kind, args.to, (n, &key), end).await) });
    }
    let mut tallies = BTreeMap::<&str, Tally>::new();
    for (kind, tally) in tasks.join_all().await {
        tallies.entry(kind).or_default().add(tally);
    }
    let report: BTreeMap<_, _> =
        tallies.into_iter().map(|(kind, tally)| (kind, tally.json())).collect();
    #[expect(clippy::print_stdout, reason = "the report is the output")]
    {
        println!("{}", json!(report));
    }
}

/// Waits, but not beyond `end`.
async fn pause(duration: Duration, end: Instant) {
    let until = (Instant::now() + duration).min(end);
    tokio::time::sleep_until(until.into()).await;
}
