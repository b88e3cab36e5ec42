//! A minimal collector that stores the spans it receives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use auditrail_server::{Connections, ServerConfig, serve};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant, sleep};

/// A collector that listens on loopback.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    spans_received: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let spans_received = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&spans_received);
        let take = async move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
            let sent = ExportTraceServiceRequest::decode(body).unwrap().resource_spans;
            let scopes = sent.into_iter().flat_map(|resource| resource.scope_spans);
            sink.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        };
        let router = Router::new().route("/v1/traces", post(take));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let never = std::future::pending();
        let config = ServerConfig::default();
        let connections = Connections::new(10, 10);
        tokio::spawn(async move { serve(listener, router, &config, &connections, never).await });
        Self { address, spans_received }
    }

    /// The received spans by start time, once there are at least `least`: on a busy machine some are
    /// still in flight.
    pub(crate) async fn spans(&self, least: usize) -> Vec<Span> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.spans_received.lock().unwrap().len() < least {
            assert!(Instant::now() < deadline, "{:?}", self.spans_received);
            sleep(Duration::from_millis(20)).await;
        }
        let mut spans = self.spans_received.lock().unwrap().clone();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        spans
    }
}

/// An attribute of a span as text; empty if it is absent.
pub(crate) fn attribute(span: &Span, name: &str) -> String {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name);
    match attribute.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}
