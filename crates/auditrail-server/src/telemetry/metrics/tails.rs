//! Metrics of the requests that follow the log.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why the service ends a tail. The client can continue from its position, except after an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TailEndReason {
    /// The service shuts down.
    Shutdown,
    /// The API key was revoked, has expired, or has lost its scope or changed its tenant.
    Key,
    /// The client is behind, and no database connection is free to read what it has missed.
    Behind,
    /// The log has no such position any more.
    PositionUnknown,
    /// The database cannot be read.
    Unavailable,
}

impl TailEndReason {
    const ALL: [Self; 5] =
        [Self::Shutdown, Self::Key, Self::Behind, Self::PositionUnknown, Self::Unavailable];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Key => "invalid_key",
            Self::Behind => "behind",
            Self::PositionUnknown => "position_unknown",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The requests that follow the log, and how they ended. Clones share the values.
#[derive(Clone, Debug)]
pub(crate) struct TailMetrics {
    open: Gauge,
    ended: Family<EndLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    reason: &'static str,
}

impl TailMetrics {
    pub(super) fn new() -> Self {
        let metrics = Self { open: Gauge::default(), ended: Family::default() };
        for reason in TailEndReason::ALL.map(TailEndReason::as_str) {
            drop(metrics.ended.get_or_create(&EndLabels { reason }));
        }
        metrics
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests that follow the log: tails, and feeds that wait";
        registry.register("tails", help, self.open.clone());
        let help = "Tails that the service has ended, by reason";
        registry.register("tails_ended", help, self.ended.clone());
    }

    /// Counts a request until it ends.
    pub(crate) fn begin(&self) -> OpenTail {
        self.open.inc();
        OpenTail(self.open.clone())
    }

    /// Counts a tail that the service ends.
    pub(crate) fn count_end(&self, reason: TailEndReason) {
        self.ended.get_or_create(&EndLabels { reason: reason.as_str() }).inc();
    }
}

/// A request that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenTail(Gauge);

impl Drop for OpenTail {
    fn drop(&mut self) {
        self.0.dec();
    }
}
