//! Metrics of the partitions.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::gauge;
use crate::background::PartitionState;

/// Reads the state of the maintenance at each scrape.
#[derive(Debug)]
pub(super) struct PartitionMetrics(pub(super) PartitionState);

impl Collector for PartitionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = &self.0;
        let float = |value: i64| value as f64;
        let flag = |value: bool| if value { 1.0 } else { 0.0 };
        let encoder = &mut encoder;
        let help = "1 if this process maintains the partitions of the table.";
        gauge(encoder, "partition_maintenance_enabled", help, flag(state.is_enabled()))?;
        let help = "Partitions of the table.";
        gauge(encoder, "partitions_attached", help, float(state.attached()))?;
        let help = "Estimated records in the partition of new records.";
        gauge(encoder, "partition_hot_records", help, float(state.hot_rows()))?;
        let help = "1 while a merge of partitions is due or in progress.";
        gauge(encoder, "partition_merge_pending", help, flag(state.is_merge_pending()))?;
        let help = "When maintenance of partitions last had nothing left to do, in seconds since 1970; 0 \
                    before it.";
        gauge(encoder, "partition_last_success_time_seconds", help, float(state.last_success()))
    }
}
