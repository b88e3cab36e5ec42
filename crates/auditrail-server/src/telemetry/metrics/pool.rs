//! Metrics of the read pool.

use std::fmt;

use auditrail_store::PgAuditLog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{gauge, to_float};

/// Reads the state of a log's pool at each scrape.
#[derive(Debug)]
pub(super) struct PoolConnections(PgAuditLog);

impl PoolConnections {
    pub(super) fn new(log: &PgAuditLog) -> Self {
        Self(log.clone())
    }
}

impl Collector for PoolConnections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let pool = self.0.pool();
        let idle = u64::try_from(pool.num_idle()).unwrap_or(u64::MAX);
        // The two values are not read atomically, so the difference could be negative.
        let used = u64::from(pool.size()).saturating_sub(idle);
        let name = "db_pool_connections";
        let help = "Connections of the read pool, by state.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, connections) in [("idle", idle), ("used", used)] {
            let labels = [("state", state)];
            ConstGauge::new(to_float(connections)).encode(family.encode_family(&labels)?)?;
        }
        let max = to_float(pool.options().get_max_connections().into());
        let help = "Maximum number of connections of the read pool.";
        gauge(&mut encoder, "db_pool_connections_max", help, max)
    }
}
