//! What came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// The longest latency that is told from longer ones: an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// What came of one connection.
pub(crate) struct OneReport {
    /// Microseconds of requests that were answered with 2xx.
    latency: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    broken: u64,
    records: u64,
    bytes: u64,
}

impl OneReport {
    pub(crate) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Self {
            latency: latency.unwrap_or_else(|error| panic!("no histogram: {error}")),
            statuses: BTreeMap::new(),
            broken: 0,
            records: 0,
            bytes: 0,
        }
    }

    /// A request was answered; `records` of it were acknowledged, and the answer had `bytes`.
    pub(crate) fn answered(&mut self, status: u16, records: u64, bytes: u64, took: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.records += records;
        self.bytes += bytes;
        if status < 300 {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.latency.saturating_record(micros);
        }
    }

    /// A request was not answered.
    pub(crate) fn broken(&mut self) {
        self.broken += 1;
    }
}

/// What came of all connections.
pub(crate) struct Report {
    connections: u16,
    batch: Option<u32>,
    all: OneReport,
    took: Duration,
}

impl Report {
    pub(crate) fn new(connections: u16, batch: Option<u32>) -> Self {
        Self { connections, batch, all: OneReport::new(), took: Duration::ZERO }
    }

    pub(crate) fn add(&mut self, one: &OneReport) {
        let OneReport { latency, statuses, broken, records, bytes } = one;
        let added = self.all.latency.add(latency);
        added.unwrap_or_else(|error| panic!("histograms differ: {error}"));
        for (status, times) in statuses {
            *self.all.statuses.entry(*status).or_default() += times;
        }
        self.all.broken += broken;
        self.all.records += records;
        self.all.bytes += bytes;
    }

    pub(crate) fn ended(&mut self, took: Duration) {
        self.took = took;
    }

    /// Whether every request was answered as it should be.
    pub(crate) fn is_clean(&self) -> bool {
        self.all.broken == 0 && self.all.statuses.keys().all(|status| *status < 300)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn json(&self) -> Value {
        let OneReport { latency, statuses, broken, records, bytes } = &self.all;
        let (seconds, answered) = (self.took.as_secs_f64(), latency.len());
        let millis = |micros: u64| micros as f64 / 1_000.0;
        let at = |quantile| millis(latency.value_at_quantile(quantile));
        json!({
            "connections": self.connections,
            "batch": self.batch,
            "seconds": seconds,
            "requests": answered,
            "requests_per_second": answered as f64 / seconds,
            "records": records,
            "records_per_second": *records as f64 / seconds,
            "bytes": bytes,
            "statuses": statuses,
            "broken": broken,
            "latency_ms": {
                "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999),
                "max": millis(latency.max()),
            },
        })
    }
}
