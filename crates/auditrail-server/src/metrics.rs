//! What is counted, for Prometheus.
//!
//! Names follow its rules: a prefix of our own, base units, `_total` for counters; requests and the
//! process have the names that everybody's dashboards know. No label has a value that a caller makes
//! up: not a tenant, an actor, a path or a method. `docs/operations.md` says what each figure means,
//! and a test holds the two together.

mod http;
mod pool;
mod process;
mod writer;

use std::fmt;

use auditrail_core::ExportFormat;
use auditrail_store::{GroupWriter, PgAuditLog};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(crate) use http::{Requests, layer};

/// The form of what [`scrape`] gives.
pub(crate) const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why a caller was turned away; these are codes of problems.
const AUTH_FAILURES: [&str; 5] =
    ["no_key", "invalid_key", "keys_unavailable", "wrong_scope", "other_tenant"];

/// What the routes count. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    requests: Requests,
    auth_failures: Family<AuthLabels, Counter>,
    export_rows: Family<ExportLabels, Counter>,
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
struct BuildLabels {
    version: &'static str,
}

impl Metrics {
    /// Nothing counted yet. What has not happened is there as zero, so that its first time shows.
    pub(crate) fn new() -> Self {
        let metrics = Self {
            requests: Requests::new(),
            auth_failures: Family::default(),
            export_rows: Family::default(),
        };
        for reason in AUTH_FAILURES {
            drop(metrics.auth_failures.get_or_create(&AuthLabels { reason }));
        }
        for format in [ExportFormat::Csv, ExportFormat::Ndjson] {
            drop(metrics.export_rows(format));
        }
        metrics
    }

    /// Counts the rows of exports in this format.
    pub(crate) fn export_rows(&self, format: ExportFormat) -> Counter {
        let format = match format {
            ExportFormat::Csv => "csv",
            ExportFormat::Ndjson => "ndjson",
        };
        self.export_rows.get_or_create_owned(&ExportLabels { format })
    }

    /// Counts a problem when it is one of authentication.
    fn count_problem(&self, code: &str) {
        if let Some(reason) = AUTH_FAILURES.into_iter().find(|reason| *reason == code) {
            self.auth_failures.get_or_create(&AuthLabels { reason }).inc();
        }
    }

    /// Everything there is to tell about a service.
    pub(crate) fn registry(&self, log: &PgAuditLog, writer: Option<GroupWriter>) -> Registry {
        let mut registry = Registry::default();
        self.requests.register(&mut registry);
        registry.register_collector(Box::new(process::Process::started_now()));
        let ours = registry.sub_registry_with_prefix("auditrail");
        let build = Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION") });
        ours.register("build", "Version of the program", build);
        let help = "Requests that failed authentication or authorization, by reason";
        ours.register("auth_failures", help, self.auth_failures.clone());
        ours.register("export_rows", "Records exported", self.export_rows.clone());
        ours.register_collector(Box::new(pool::Connections::of(log)));
        if let Some(writer) = writer {
            ours.register_collector(Box::new(writer::Writes(writer)));
        }
        registry
    }
}

/// The figures as text.
pub(crate) fn scrape(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    Ok(text)
}

/// Tells one count that is kept elsewhere; `_total` is added to its name.
fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// Tells one figure that is kept elsewhere.
fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// A whole number as Prometheus has them, which is exact up to 2^53.
const fn whole(value: u64) -> f64 {
    value as f64
}
