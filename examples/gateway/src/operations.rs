//! What an operator asks: how much was recorded, what waits, and what no rule is about.

use auditrail_client::Recorder;
use auditrail_tower::AuditLayer;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// `/metrics` for Prometheus, `/report` as JSON. For a listener that callers cannot reach.
pub fn operations(audit: AuditLayer, recorder: Recorder) -> Router {
    let metrics = audit.clone();
    Router::new()
        .route("/metrics", get(async move || metrics.counts().to_prometheus()))
        .route("/report", get(async move || Json(report(&audit, &recorder))))
}

fn report(audit: &AuditLayer, recorder: &Recorder) -> Value {
    let stats = recorder.stats();
    json!({
        "requests": audit.counts(),
        "coverage": audit.policy().coverage(),
        "recorder": {
            "accepted": stats.accepted,
            "delivered": stats.delivered(),
            "pending": stats.pending,
            "failed": stats.failed(),
        },
    })
}
