//! Metrics of the listener and of the memory of requests.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{gauge, to_float};
use crate::connections::Connections;
use crate::memory::{AnswerMemory, BodyMemory};

/// Reads the state of the public listener and of the memory at each scrape.
#[derive(Clone, Debug)]
pub(crate) struct Pressure {
    pub(crate) connections: Connections,
    pub(crate) bodies: BodyMemory,
    pub(crate) answers: AnswerMemory,
}

impl Collector for Pressure {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (all, unauthenticated) = self.connections.count();
        let states =
            [("authenticated", all - unauthenticated), ("unauthenticated", unauthenticated)];
        let help = "Open connections of the public listener, by whether a valid API key was sent.";
        gauges(&mut encoder, "connections", help, "state", states)?;
        let help = "Maximum number of connections of the public listener.";
        gauge(&mut encoder, "connections_max", help, to_float(self.connections.max() as u64))?;
        let help = "Connections closed to make room for others, by reason.";
        let shed = self.connections.shed_counts().map(|(reason, count)| (reason.as_str(), count));
        counters(&mut encoder, "connections_shed", help, "reason", shed)?;
        let help = "Memory in use by request bodies and by large responses.";
        let used = [("bodies", self.bodies.used()), ("responses", self.answers.used())];
        gauges(&mut encoder, "memory_bytes", help, "use", used)?;
        let help = "Maximum memory of request bodies and of large responses.";
        let max = [("bodies", self.bodies.max()), ("responses", self.answers.max())];
        gauges(&mut encoder, "memory_max_bytes", help, "use", max)?;
        let help = "Requests refused because no memory was free.";
        let refused = [("bodies", self.bodies.refused()), ("responses", self.answers.refused())];
        counters(&mut encoder, "memory_refusals", help, "use", refused)
    }
}

/// Encodes a gauge with one label.
fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = (&'static str, usize)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (text, value) in values {
        let labels = [(label, text)];
        ConstGauge::new(to_float(value as u64)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Encodes a counter with one label; `_total` is appended to its name.
fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (text, value) in values {
        let labels = [(label, text)];
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
