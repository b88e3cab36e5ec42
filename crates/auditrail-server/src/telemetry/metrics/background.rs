//! Metrics of background tasks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::to_float;
use crate::background::{Background, TaskStatus};

/// Reads the status of background tasks at each scrape.
#[derive(Debug)]
pub(super) struct BackgroundMetrics(pub(super) Background);

impl Collector for BackgroundMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let statuses = self.0.statuses();
        if statuses.is_empty() {
            return Ok(());
        }
        runs(&mut encoder, &statuses)?;
        let help = "1 while a run of the background task is in flight.";
        let running = |status: &TaskStatus| if status.running { 1.0 } else { 0.0 };
        gauges(&mut encoder, "background_running", help, &statuses, running)?;
        let help =
            "Start of the last run of the background task, in seconds since 1970; 0 before it.";
        let last_start = |status: &TaskStatus| {
            let seconds = status.last_start.map_or(0, |start| start.as_second());
            to_float(u64::try_from(seconds).unwrap_or_default())
        };
        gauges(&mut encoder, "background_last_start_time_seconds", help, &statuses, last_start)
    }
}

fn runs(encoder: &mut DescriptorEncoder<'_>, statuses: &[TaskStatus]) -> fmt::Result {
    let help = "Completed runs of background tasks, by result.";
    let mut family =
        encoder.encode_descriptor("background_runs", help, None, MetricType::Counter)?;
    for status in statuses {
        for (result, runs) in [
            ("succeeded", status.succeeded),
            ("failed", status.failed),
            ("panicked", status.panicked),
        ] {
            let labels = [("task", status.name), ("result", result)];
            ConstCounter::new(runs).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    statuses: &[TaskStatus],
    value: impl Fn(&TaskStatus) -> f64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for status in statuses {
        let labels = [("task", status.name)];
        ConstGauge::new(value(status)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
