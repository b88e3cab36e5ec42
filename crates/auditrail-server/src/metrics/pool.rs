//! Connections to the database.

use std::fmt;

use auditrail_store::PgAuditLog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{gauge, whole};

/// The connections of a log's pool.
#[derive(Debug)]
pub(super) struct Connections(PgAuditLog);

impl Connections {
    pub(super) fn of(log: &PgAuditLog) -> Self {
        Self(log.clone())
    }
}

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let pool = self.0.pool();
        let idle = u64::try_from(pool.num_idle()).unwrap_or(u64::MAX);
        // The two are read one after the other, so one may be ahead.
        let used = u64::from(pool.size()).saturating_sub(idle);
        let name = "db_pool_connections";
        let help = "Connections of the read pool, by state.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, connections) in [("idle", idle), ("used", used)] {
            let labels = [("state", state)];
            ConstGauge::new(whole(connections)).encode(family.encode_family(&labels)?)?;
        }
        let most = whole(pool.options().get_max_connections().into());
        let help = "Maximum number of connections of the read pool.";
        gauge(&mut encoder, "db_pool_connections_max", help, most)
    }
}
