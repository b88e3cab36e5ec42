//! Metrics of the group writer.

use std::fmt;

use auditrail_store::{GroupWriter, Histogram, WriterStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::{counter, gauge, to_float};

/// Reads the statistics of a writer at each scrape.
#[derive(Debug)]
pub(super) struct WriterMetrics(pub(super) GroupWriter);

impl Collector for WriterMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        counters(&mut encoder, &stats)?;
        gauges(&mut encoder, &stats)?;
        let name = "writer_commit_duration_seconds";
        let help = "Duration of a group commit, from its first byte to its commit.";
        histogram(&mut encoder, name, help, &stats.commit_seconds)?;
        let help = "Records per committed group.";
        histogram(&mut encoder, "writer_commit_records", help, &stats.commit_records)
    }
}

/// Totals since the start.
fn counters(encoder: &mut DescriptorEncoder<'_>, stats: &WriterStats) -> fmt::Result {
    let help = "Records written, by outcome.";
    let mut family =
        encoder.encode_descriptor("writer_records", help, None, MetricType::Counter)?;
    for (result, records) in
        [("created", stats.created), ("duplicate", stats.duplicates), ("conflict", stats.conflicts)]
    {
        let labels = [("result", result)];
        ConstCounter::new(records).encode(family.encode_family(&labels)?)?;
    }
    for (name, help, value) in [
        ("refused_requests", "Requests that the database rejected.", stats.refused),
        ("commits", "Committed transactions.", stats.commits),
        ("fallbacks", "Groups written by INSERT because some ids existed.", stats.fallbacks),
        ("splits", "Groups split in two to isolate a rejected request.", stats.splits),
        ("failures", "Database failures seen by the writer.", stats.failures),
    ] {
        counter(encoder, &format!("writer_{name}"), help, value)?;
    }
    Ok(())
}

/// The current state.
fn gauges(encoder: &mut DescriptorEncoder<'_>, stats: &WriterStats) -> fmt::Result {
    let oldest = stats.oldest_queued.unwrap_or_default().as_secs_f64();
    let up = if stats.outage.is_none() { 1.0 } else { 0.0 };
    for (name, help, value) in [
        ("up", "1 while the database accepts writes, 0 during an outage.", up),
        ("connections", "Writer connections.", to_float(stats.writers)),
        ("queue_requests", "Queued requests.", to_float(stats.queued_requests)),
        ("queue_records", "Records of the queued requests.", to_float(stats.queued_records)),
        (
            "queue_bytes",
            "Memory used by the queued requests, in bytes.",
            to_float(stats.queued_bytes),
        ),
        ("queue_oldest_seconds", "Age of the oldest queued request.", oldest),
        ("in_flight_records", "Records being written.", to_float(stats.in_flight_records)),
    ] {
        gauge(encoder, &format!("writer_{name}"), help, value)?;
    }
    Ok(())
}

fn histogram(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: &Histogram,
) -> fmt::Result {
    let classes: Vec<_> = values.classes().collect();
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(values.sum(), values.count(), &classes, None)
}
