//! The operator's view: counts of requests, coverage of the policy, and the backlog of records.

use auditrail_client::Recorder;
use auditrail_tower::AuditLayer;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Serves `/report` as JSON, on a listener that callers cannot reach.
pub fn operations(audit: AuditLayer, recorder: Recorder) -> Router {
    Router::new().route("/report", get(async move || Json(report(&audit, &recorder))))
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
