//! Metrics of the read pool.

use std::fmt;

use auditrail_store::PgAuditLog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::gauge;

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
        let (size, idle, max) = sizes(&self.0);
        // The two values are not read atomically, so the difference could be negative.
        let used = size.saturating_sub(idle);
        let name = "db_pool_connections";
        let help = "Connections of the read pool, by state.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, connections) in [("idle", idle), ("used", used)] {
            let labels = [("state", state)];
            ConstGauge::new(connections as f64).encode(family.encode_family(&labels)?)?;
        }
        let help = "Maximum number of connections of the read pool.";
        gauge(&mut encoder, "db_pool_connections_max", help, max as f64)
    }
}

/// The number of connections for reads, how many of them are idle, and their maximum.
fn sizes(log: &PgAuditLog) -> (usize, usize, usize) {
    if let Some(sessions) = log.sessions() {
        let (size, idle) = sessions.size();
        return (size, idle, sessions.max());
    }
    let pool = log.pool();
    let max = pool.options().get_max_connections();
    (pool.size() as usize, pool.num_idle(), max as usize)
}
