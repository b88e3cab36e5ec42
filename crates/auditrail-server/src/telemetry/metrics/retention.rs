//! Metrics of retention.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::{counter, gauge};
use crate::background::RetentionState;

/// Reads the state of the task at each scrape.
#[derive(Debug)]
pub(super) struct RetentionMetrics(pub(super) RetentionState);

impl Collector for RetentionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = &self.0;
        let encoder = &mut encoder;
        let help =
            "When retention last had nothing left to do, in seconds since 1970; 0 before it.";
        let last_success = state.last_success() as f64;
        gauge(encoder, "retention_last_success_time_seconds", help, last_success)?;
        let help = "Expired records that this process removed.";
        counter(encoder, "retention_records_removed", help, state.records_removed())?;
        let help = "Partitions that this process replaced by what stays of them.";
        counter(encoder, "retention_partitions_replaced", help, state.partitions_replaced())?;
        counter(encoder, "retention_failures", "Failed runs of retention.", state.failures())
    }
}
