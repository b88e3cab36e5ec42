//! What the layer costs: the CPU time of a request to an axum route that does nothing, with and without
//! it, and what it allocates for bodies of several sizes.
//!
//! ```sh
//! cargo run --release -p auditrail-tower --example overhead
//! ```
//!
//! Fails when a limit of the project is broken: 5 µs of CPU for each request at the level `metadata`, and
//! nothing allocated in proportion to a body. `--requests N` and `--repeats N` change how long it
//! measures.
#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use allocation_counter::measure;
use auditrail_core::{Actor, CreateInput, FailurePolicy, RecordSink, Taken};
use auditrail_tower::{AuditLayer, PeerAddr, Policy, Principal};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::BodyExt as _;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// The most a request may cost.
const LIMIT: Duration = Duration::from_micros(5);
/// The most bytes by which the allocations for a body of 16 MiB may differ from those for none: the
/// records have durations of different length.
const SAME_BYTES: u64 = 256;

const POLICY: &str = r#"
version = 1
failure = "best_effort"
trusted_proxies = ["10.0.0.0/8"]
[[rule]]
methods = ["POST"]
route = "/v1/projects"
action = "project.created"
target_type = "project"
[[rule]]
name = "project read"
methods = ["GET"]
route = "/v1/projects/{id}"
action = "project.read"
target_type = "project"
target_id = { path = "id" }
[[rule]]
route = "/echo"
action = "body.echoed"
target_type = "body"
target_id = { value = "all" }
"#;

/// Takes everything on and forgets it: the layer is measured, not what delivers.
struct Forgetful;

impl RecordSink for Forgetful {
    type Error = std::convert::Infallible;

    fn take(
        &self,
        input: CreateInput,
        _policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<Taken, Self::Error>> + Send + 'static {
        drop(black_box(input));
        std::future::ready(Ok(Taken::Queued))
    }

    fn spools(&self) -> bool {
        true
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let requests = argument("--requests")?.unwrap_or(20_000);
    let repeats = argument("--repeats")?.unwrap_or(21);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let routes = || {
        Router::new()
            .route("/v1/projects/{id}", get(async || "hello"))
            .route("/other", get(async || "hello"))
            .route("/echo", post(async |body: Body| body))
    };
    let layer = AuditLayer::new(Policy::parse(POLICY, "example")?, Forgetful)?;
    let ana = Actor::user("ana")?;
    let layer = layer.actor(move |_| Some(Principal::new(ana.clone())));
    let (with, without) = (routes().layer(layer), routes());

    let recorded = cpu(&runtime, &with, &without, "/v1/projects/p-1", requests, repeats)?;
    println!("a request that is recorded: {recorded}; the limit is {LIMIT:?}");
    let other = cpu(&runtime, &with, &without, "/other", requests, repeats)?;
    println!("a request that no rule is about: {other}");

    let mut within = recorded.median <= LIMIT.as_secs_f64();
    println!("\n{:>10}  {:>12}  {:>8}", "body", "allocations", "bytes");
    let mut none = None;
    for (name, pieces) in [("0 B", 0), ("64 KiB", 1), ("16 MiB", 256)] {
        let (with, without) = (echo(&runtime, &with, pieces), echo(&runtime, &without, pieces));
        let (count, bytes) = (with.0.abs_diff(without.0), with.1.abs_diff(without.1));
        println!("{name:>10}  {count:>12}  {bytes:>8}");
        let (none_count, none_bytes) = *none.get_or_insert((count, bytes));
        within &= count == none_count && bytes.abs_diff(none_bytes) < SAME_BYTES;
    }
    println!("\n{}", if within { "within the limits" } else { "a limit is broken" });
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn argument(name: &str) -> Result<Option<usize>, std::num::ParseIntError> {
    let value = std::env::args().skip_while(|argument| argument != name).nth(1);
    value.map(|value| value.parse()).transpose()
}

/// The time by which requests took longer, in seconds.
struct Cost {
    median: f64,
    least: f64,
    most: f64,
    without: f64,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, least, most, without } = self;
        let micros = |seconds: &f64| seconds * 1e6;
        write!(
            f,
            "{:.2} µs more ({:.2} to {:.2}) than the {:.2} µs without the layer",
            micros(median),
            micros(least),
            micros(most),
            micros(without)
        )
    }
}

/// Measures in turns, so that what else the machine does falls on both.
fn cpu(
    runtime: &Runtime,
    with: &Router,
    without: &Router,
    path: &'static str,
    requests: usize,
    repeats: usize,
) -> Result<Cost, Box<dyn Error>> {
    let mut costs = Vec::with_capacity(repeats);
    let mut bare = Vec::with_capacity(repeats);
    for repeat in 0..=repeats {
        let with = each(runtime, with, path, requests)?;
        let without = each(runtime, without, path, requests)?;
        // The first warms up.
        if repeat > 0 {
            costs.push(with - without);
            bare.push(without);
        }
    }
    costs.sort_by(f64::total_cmp);
    bare.sort_by(f64::total_cmp);
    let middle = |values: &[f64]| values.get(values.len() / 2).copied().ok_or("no repeats");
    Ok(Cost {
        median: middle(&costs)?,
        least: costs.first().copied().ok_or("no repeats")?,
        most: costs.last().copied().ok_or("no repeats")?,
        without: middle(&bare)?,
    })
}

/// Seconds of the CPU for each request.
fn each(
    runtime: &Runtime,
    app: &Router,
    path: &'static str,
    requests: usize,
) -> Result<f64, Box<dyn Error>> {
    let peer = PeerAddr(([127, 0, 0, 1], 5_000).into());
    let mut prepared = Vec::with_capacity(requests);
    for _ in 0..requests {
        let request = Request::get(path).header("user-agent", "overhead/1").extension(peer);
        prepared.push(request.body(Body::empty())?);
    }
    let started = cpu_seconds();
    runtime.block_on(async {
        for request in prepared {
            // The way of a server: the application as it is, and the body to its end.
            let Ok(response) = app.clone().oneshot(request).await;
            black_box(response.into_body().collect().await.ok());
        }
    });
    let seconds = cpu_seconds() - started;
    Ok(seconds / f64::from(u32::try_from(requests)?))
}

/// What this thread has used of a CPU, so that a busy machine does not count.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default().as_secs_f64()
}

/// How many allocations, and bytes, a JSON body of so many pieces of 64 KiB takes on its way there and
/// back.
fn echo(runtime: &Runtime, app: &Router, pieces: usize) -> (u64, u64) {
    static PIECE: [u8; 65_536] = [b' '; 65_536];
    let send = || {
        let parts = (0..pieces).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&PIECE)));
        let request = Request::post("/echo").header("content-type", "application/json");
        let body = Body::from_stream(stream::iter(parts));
        if let Ok(request) = request.body(body) {
            runtime.block_on(async {
                let Ok(response) = app.clone().oneshot(request).await;
                let mut body = response.into_body();
                while let Some(frame) = body.frame().await {
                    drop(black_box(frame));
                }
            });
        }
    };
    // The first request also pays for what is made once.
    send();
    let measured = measure(send);
    (measured.count_total, measured.bytes_total)
}
