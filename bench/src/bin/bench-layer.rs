//! The cost of the tower layer: the CPU time of a request to an axum route that does nothing, with and without
//! the layer, and its allocations for bodies of several sizes.
//!
//! ```sh
//! cargo run --release -p auditrail-bench --bin bench-layer
//! ```
//!
//! Fails if a limit is exceeded: 5 µs of CPU for each request at the level `metadata`, and no allocations in
//! proportion to a body. `--requests N` and `--repeats N` set the duration; `--json` prints the figures of
//! each repeat instead, for `cargo xtask bench layer`.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use allocation_counter::measure;
use auditrail_core::{Actor, CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use auditrail_tower::{AuditLayer, PeerAddr, Policy, Principal};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::BodyExt as _;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// The limit for a request.
const LIMIT_MICROS: f64 = 5.0;
/// The limit of the difference in allocated bytes between a body of 16 MiB and none: durations in the records
/// differ in length.
const SAME_BYTES: f64 = 256.0;

const RECORDED: &str = "a request that is recorded";
const OTHER: &str = "a request that no rule is about";
const BODIES: &str = "more than without the layer, for a body there and back";
const WITH: &str = "auditrail";
const MORE: &str = "more than without";

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

/// Discards records: the layer is measured, not the delivery.
struct DiscardingSink;

impl RecordSink for DiscardingSink {
    type Error = std::convert::Infallible;

    fn submit(
        &self,
        input: CreateInput,
        _policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, Self::Error>> + Send + 'static {
        drop(black_box(input));
        std::future::ready(Ok(DeliveryStatus::Queued))
    }

    fn spools(&self) -> bool {
        true
    }
}

/// A figure of one side in each repeat.
#[derive(Serialize)]
struct Figure {
    workload: &'static str,
    side: &'static str,
    metric: &'static str,
    unit: &'static str,
    rounds: Vec<f64>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let requests = argument("--requests")?.unwrap_or(20_000);
    let repeats = argument("--repeats")?.unwrap_or(21);
    let figures = figures(requests, repeats)?;
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    for Figure { workload, side, metric, unit, rounds } in &figures {
        let Spread { least, median, most } = Spread::of(rounds);
        println!("{workload}, {side}: {metric} {median:.2} {unit} ({least:.2} to {most:.2})");
    }
    let within = is_within(&figures);
    println!("\n{}", if within { "within the limits" } else { "a limit is exceeded" });
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn figures(requests: usize, repeats: usize) -> Result<Vec<Figure>, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let routes = || {
        Router::new()
            .route("/v1/projects/{id}", get(async || "hello"))
            .route("/other", get(async || "hello"))
            .route("/echo", post(async |body: Body| body))
    };
    let layer = AuditLayer::new(Policy::parse(POLICY, "example")?, DiscardingSink)?;
    let ana = Actor::user("ana")?;
    let layer = layer.actor(move |_| Some(Principal::new(ana.clone())));
    let (with, without) = (routes().layer(layer), routes());

    let mut figures = Vec::new();
    for (workload, path) in [(RECORDED, "/v1/projects/p-1"), (OTHER, "/other")] {
        let (ours, bare) = cpu(&runtime, &with, &without, path, requests, repeats)?;
        let more = ours.iter().zip(&bare).map(|(ours, bare)| ours - bare).collect();
        let figure = |side, metric, rounds| Figure { workload, side, metric, unit: "µs", rounds };
        figures.push(figure(WITH, "CPU", ours));
        figures.push(figure(WITH, MORE, more));
        figures.push(figure("without the layer", "CPU", bare));
    }
    for (side, pieces) in [("no body", 0), ("64 KiB", 1), ("16 MiB", 256)] {
        let (with, without) = (echo(&runtime, &with, pieces), echo(&runtime, &without, pieces));
        let more = |metric, with: u64, without: u64| {
            // Both are far below the numbers that a float cannot hold.
            let more = with as f64 - without as f64;
            Figure { workload: BODIES, side, metric, unit: "", rounds: vec![more] }
        };
        figures.push(more("allocations", with.0, without.0));
        figures.push(more("bytes", with.1, without.1));
    }
    Ok(figures)
}

/// Whether the figures are within the limits.
fn is_within(figures: &[Figure]) -> bool {
    let recorded = figures.iter().filter(|f| f.workload == RECORDED && f.metric == MORE);
    let quick = recorded.map(|f| Spread::of(&f.rounds).median).all(|micros| micros <= LIMIT_MICROS);
    let bodies = |metric| {
        let of_metric = figures.iter().filter(move |f| f.workload == BODIES && f.metric == metric);
        Spread::of(&of_metric.flat_map(|f| f.rounds.iter().copied()).collect::<Vec<_>>())
    };
    let (allocations, bytes) = (bodies("allocations"), bodies("bytes"));
    quick && allocations.least == allocations.most && bytes.most - bytes.least < SAME_BYTES
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        Self { least: at(0), median: at(sorted.len() / 2), most: at(sorted.len().wrapping_sub(1)) }
    }
}

fn argument(name: &str) -> Result<Option<usize>, std::num::ParseIntError> {
    let value = std::env::args().skip_while(|argument| argument != name).nth(1);
    value.map(|value| value.parse()).transpose()
}

/// CPU time of a request in microseconds, with the layer and without. Both are measured in turn, so that other
/// load on the machine affects both.
fn cpu(
    runtime: &Runtime,
    with: &Router,
    without: &Router,
    path: &'static str,
    requests: usize,
    repeats: usize,
) -> Result<(Vec<f64>, Vec<f64>), Box<dyn Error>> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for repeat in 0..=repeats {
        let with = each(runtime, with, path, requests)?;
        let without = each(runtime, without, path, requests)?;
        // The first warms up.
        if repeat > 0 {
            ours.push(with * 1e6);
            bare.push(without * 1e6);
        }
    }
    Ok((ours, bare))
}

/// CPU time of a request in seconds.
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
            // As a server does: a clone of the application, and the body to its end.
            let Ok(response) = app.clone().oneshot(request).await;
            black_box(response.into_body().collect().await.ok());
        }
    });
    let seconds = cpu_seconds() - started;
    Ok(seconds / f64::from(u32::try_from(requests)?))
}

/// CPU time of this thread, which excludes other load on the machine.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default().as_secs_f64()
}

/// Allocations and allocated bytes for an echoed JSON body of chunks of 64 KiB.
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
    // The first request also initialises what later ones share.
    send();
    let measured = measure(send);
    (measured.count_total, measured.bytes_total)
}
