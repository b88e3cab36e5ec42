//! Metrics for Prometheus.
//!
//! Names follow its conventions: our own prefix, base units, `_total` for counters; requests and the
//! process have the standard names that dashboards expect. No label value is chosen by a caller: no tenant,
//! actor, path or unknown method. `docs/operations.md` describes each metric, and a test compares the two.

mod background;
mod partitions;
mod pool;
mod pressure;
mod process;
mod requests;
mod retention;
mod sequencer;
mod tails;
mod writer;

use std::fmt;
use std::time::Duration;

use auditrail_core::ExportFormat;
use auditrail_store::{GroupWriter, PgAuditLog};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::background::{Background, PartitionState, RetentionState};
use crate::refusals::Refusals;
use crate::sequencing::Sequencing;
pub(crate) use pressure::Pressure;
pub(crate) use requests::RequestLabels;
use requests::Requests;
pub(crate) use tails::{OpenTail, TailEndReason, TailMetrics};

/// The content type of [`scrape`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The problem codes of authentication and authorization failures.
const AUTH_FAILURES: [&str; 5] =
    ["no_key", "invalid_key", "keys_unavailable", "wrong_scope", "other_tenant"];

/// Metrics of the routes. Clones share their values.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    requests: Requests,
    auth_failures: Family<AuthLabels, Counter>,
    export_rows: Family<ExportLabels, Counter>,
    refusals: Refusals,
    refused_shares: Family<ShareLabels, Counter>,
    aborted_exports: Family<AbortLabels, Counter>,
    tails: TailMetrics,
    partitions: PartitionState,
    retention: RetentionState,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuthLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExportLabels {
    format: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShareLabels {
    resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AbortLabels {
    reason: &'static str,
}

/// A resource that share holders share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedResource {
    Reads,
    SlowReads,
    Exports,
    Keys,
    Tails,
}

impl SharedResource {
    const ALL: [Self; 5] = [Self::Reads, Self::SlowReads, Self::Exports, Self::Keys, Self::Tails];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::SlowReads => "slow_reads",
            Self::Exports => "exports",
            Self::Keys => "keys",
            Self::Tails => "tails",
        }
    }
}

/// Why an export was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportAbort {
    /// The client took nothing for too long.
    Stalled,
    /// The client was too slow.
    Slow,
    /// The client disconnected.
    Disconnected,
    /// The database failed, or a record could not be encoded.
    Failed,
}

impl ExportAbort {
    const ALL: [Self; 4] = [Self::Stalled, Self::Slow, Self::Disconnected, Self::Failed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Slow => "slow",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl Metrics {
    /// Starts at zero. Every series exists from the start, so that its first increment is visible.
    pub(crate) fn new() -> Self {
        let metrics = Self {
            requests: Requests::new(),
            auth_failures: Family::default(),
            export_rows: Family::default(),
            refusals: Refusals::new(),
            refused_shares: Family::default(),
            aborted_exports: Family::default(),
            tails: TailMetrics::new(),
            partitions: PartitionState::default(),
            retention: RetentionState::default(),
        };
        for reason in AUTH_FAILURES {
            drop(metrics.auth_failures.get_or_create(&AuthLabels { reason }));
        }
        for format in [ExportFormat::Csv, ExportFormat::Ndjson] {
            drop(metrics.export_rows(format));
        }
        for resource in SharedResource::ALL.map(SharedResource::as_str) {
            drop(metrics.refused_shares.get_or_create(&ShareLabels { resource }));
        }
        for reason in ExportAbort::ALL.map(ExportAbort::as_str) {
            drop(metrics.aborted_exports.get_or_create(&AbortLabels { reason }));
        }
        metrics
    }

    /// Counts a request that got no share of a resource in time.
    pub(crate) fn count_refused_share(&self, resource: SharedResource) {
        self.refused_shares.get_or_create(&ShareLabels { resource: resource.as_str() }).inc();
    }

    /// Counts an export that was aborted.
    pub(crate) fn count_aborted_export(&self, reason: ExportAbort) {
        self.aborted_exports.get_or_create(&AbortLabels { reason: reason.as_str() }).inc();
    }

    /// Metrics of the requests that follow the log.
    pub(crate) fn tails(&self) -> &TailMetrics {
        &self.tails
    }

    /// The counter of exported rows in this format.
    pub(crate) fn export_rows(&self, format: ExportFormat) -> Counter {
        let format = match format {
            ExportFormat::Csv => "csv",
            ExportFormat::Ndjson => "ndjson",
        };
        self.export_rows.get_or_create_owned(&ExportLabels { format })
    }

    /// The state of the maintenance of partitions.
    pub(crate) fn partitions(&self) -> &PartitionState {
        &self.partitions
    }

    /// The state of the removal of expired records.
    pub(crate) fn retention(&self) -> &RetentionState {
        &self.retention
    }

    /// The refused records.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Records the duration of a request.
    pub(crate) fn observe_request(&self, labels: &RequestLabels, duration: Duration) {
        self.requests.observe(labels, duration);
    }

    /// Counts a problem if it is an authentication or authorization failure.
    pub(crate) fn count_problem(&self, code: &str) {
        if let Some(reason) = AUTH_FAILURES.into_iter().find(|reason| *reason == code) {
            self.auth_failures.get_or_create(&AuthLabels { reason }).inc();
        }
    }

    /// Registers all metrics of a service.
    pub(crate) fn registry(
        &self,
        log: &PgAuditLog,
        writer: Option<GroupWriter>,
        background: Background,
        sequencing: Sequencing,
        pressure: Pressure,
    ) -> Registry {
        let mut registry = Registry::default();
        self.requests.register(&mut registry);
        registry.register_collector(Box::new(process::ProcessMetrics::started_now()));
        let prefixed = registry.sub_registry_with_prefix("auditrail");
        let build = Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION") });
        prefixed.register("build", "Version of the program", build);
        let help = "Requests that failed authentication or authorization, by reason";
        prefixed.register("auth_failures", help, self.auth_failures.clone());
        prefixed.register("export_rows", "Records exported", self.export_rows.clone());
        let help = "Requests refused because their share of a resource was in use, by resource";
        prefixed.register("shares_refused", help, self.refused_shares.clone());
        let help = "Exports that were aborted, by reason";
        prefixed.register("exports_aborted", help, self.aborted_exports.clone());
        self.tails.register(prefixed);
        let help = "Records refused, by code";
        prefixed.register("records_refused", help, self.refusals.counters());
        let partitions = partitions::PartitionMetrics(self.partitions.clone());
        prefixed.register_collector(Box::new(partitions));
        prefixed.register_collector(Box::new(retention::RetentionMetrics(self.retention.clone())));
        prefixed.register_collector(Box::new(pool::PoolConnections::new(log)));
        prefixed.register_collector(Box::new(pressure));
        prefixed.register_collector(Box::new(background::BackgroundMetrics(background)));
        prefixed.register_collector(Box::new(sequencer::SequencerMetrics(sequencing)));
        if let Some(writer) = writer {
            prefixed.register_collector(Box::new(writer::WriterMetrics(writer)));
        }
        registry
    }
}

/// Encodes the metrics as text.
pub(crate) fn scrape(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    Ok(text)
}

/// Encodes a counter with a value from elsewhere; `_total` is appended to its name.
fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// Encodes a gauge with a value from elsewhere.
fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// An integer as a Prometheus value, which is exact up to 2^53.
const fn to_float(value: u64) -> f64 {
    value as f64
}
