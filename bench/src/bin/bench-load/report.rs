//! The report.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// The upper bound of recorded latencies: an hour, in microseconds.
const MAX_LATENCY: u64 = 3_600_000_000;

/// The results of one connection.
pub(crate) struct ClientReport {
    /// Microseconds of requests with a 2xx response; without interleaved reads.
    latency: Histogram<u64>,
    /// The same of interleaved reads.
    reads: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    /// Connections that could not be opened.
    refused: u64,
    /// Numbers of the requests with a 2xx response, if tracked.
    done: Option<Vec<u64>>,
    /// Numbers of the requests with another response or none, if tracked.
    open: Option<Vec<u64>>,
    broken: u64,
    records: u64,
    bytes: u64,
}

impl ClientReport {
    /// With the numbers of requests, if `numbers`.
    pub(crate) fn new(numbers: bool) -> Self {
        let latency = Histogram::new_with_bounds(1, MAX_LATENCY, DIGITS);
        let latency = latency.unwrap_or_else(|error| panic!("no histogram: {error}"));
        Self {
            reads: latency.clone(),
            latency,
            statuses: BTreeMap::new(),
            refused: 0,
            done: numbers.then(Vec::new),
            open: numbers.then(Vec::new),
            broken: 0,
            records: 0,
            bytes: 0,
        }
    }

    /// Records the response to request `n`.
    pub(crate) fn response(&mut self, n: u64, response: &Response, took: Duration) {
        *self.statuses.entry(response.status).or_default() += 1;
        self.bytes += response.bytes;
        let is_success = (200..300).contains(&response.status);
        let numbers = if is_success { &mut self.done } else { &mut self.open };
        numbers.iter_mut().for_each(|numbers| numbers.push(n));
        if is_success {
            self.records += response.records;
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let latency = if response.is_read { &mut self.reads } else { &mut self.latency };
            latency.saturating_record(micros);
        }
    }

    /// Request `n` got no response.
    pub(crate) fn broken(&mut self, n: u64) {
        self.broken += 1;
        self.open.iter_mut().for_each(|open| open.push(n));
    }

    /// A connection could not be opened.
    pub(crate) fn refused(&mut self) {
        self.refused += 1;
    }
}

/// A response, and its request.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Length of the body.
    pub(crate) bytes: u64,
    /// Records in the request.
    pub(crate) records: u64,
    /// Whether the request was an interleaved read.
    pub(crate) is_read: bool,
}

/// The results of all connections.
pub(crate) struct Report {
    connections: u16,
    batch: Option<u32>,
    all: ClientReport,
    took: Duration,
}

impl Report {
    pub(crate) fn new(connections: u16, batch: Option<u32>, numbers: bool) -> Self {
        Self { connections, batch, all: ClientReport::new(numbers), took: Duration::ZERO }
    }

    pub(crate) fn add(&mut self, one: ClientReport) {
        for (all, one) in [(&mut self.all.latency, one.latency), (&mut self.all.reads, one.reads)] {
            all.add(one).unwrap_or_else(|error| panic!("histograms differ: {error}"));
        }
        for (status, times) in one.statuses {
            *self.all.statuses.entry(status).or_default() += times;
        }
        for (all, one) in [(&mut self.all.done, one.done), (&mut self.all.open, one.open)] {
            all.iter_mut().for_each(|all| all.extend(one.iter().flatten()));
        }
        self.all.broken += one.broken;
        self.all.refused += one.refused;
        self.all.records += one.records;
        self.all.bytes += one.bytes;
    }

    pub(crate) fn ended(&mut self, took: Duration) {
        self.took = took;
    }

    /// Numbers of the requests with a 2xx response, if tracked.
    pub(crate) fn done(&self) -> &[u64] {
        self.all.done.as_deref().unwrap_or_default()
    }

    /// Numbers of the requests with another response or none, if tracked.
    pub(crate) fn open(&self) -> &[u64] {
        self.all.open.as_deref().unwrap_or_default()
    }

    /// Whether every request got a 2xx response.
    pub(crate) fn is_clean(&self) -> bool {
        self.all.broken + self.all.refused == 0
            && self.all.statuses.keys().all(|status| (200..300).contains(status))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn json(&self) -> Value {
        let all = &self.all;
        let (seconds, answered) = (self.took.as_secs_f64(), all.latency.len());
        json!({
            "connections": self.connections,
            "batch": self.batch,
            "seconds": seconds,
            "requests": answered,
            "requests_per_second": answered as f64 / seconds,
            "records": all.records,
            "records_per_second": all.records as f64 / seconds,
            "bytes": all.bytes,
            "statuses": all.statuses,
            "broken": all.broken,
            "refused": all.refused,
            "latency_ms": latency(&all.latency),
            "reads": (!all.reads.is_empty()).then(|| json!({
                "requests": all.reads.len(),
                "requests_per_second": all.reads.len() as f64 / seconds,
                "latency_ms": latency(&all.reads),
            })),
        })
    }
}

fn latency(of: &Histogram<u64>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "microseconds are far below 2^52")]
    let millis = |micros: u64| micros as f64 / 1_000.0;
    let at = |quantile| millis(of.value_at_quantile(quantile));
    json!({
        "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": millis(of.max()),
    })
}
