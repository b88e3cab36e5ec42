//! A witness over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use tlog::witness::{REQUEST_MAX, Refusal};
use tokio::time::{Instant, timeout_at};

use crate::known_size;
use crate::origin::OriginState;
use crate::refused::Refused;
use crate::witness::Witness;

const TEXT: &str = "text/plain; charset=utf-8";
/// That of the text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4";
const CLOSE: (HeaderName, HeaderValue) = (CONNECTION, HeaderValue::from_static("close"));

#[derive(Clone)]
struct Service {
    witness: Arc<Witness>,
    request_timeout: Duration,
}

/// The routes: `POST /add-checkpoint`, `GET /` and `/status`, and `GET /metrics`.
pub(crate) fn router(witness: Arc<Witness>, request_timeout: Duration) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/", get(status))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(Service { witness, request_timeout })
}

async fn add_checkpoint(State(service): State<Service>, body: Body) -> Response {
    let deadline = Instant::now() + service.request_timeout;
    let witness = &service.witness;
    let body = match read(body, deadline).await {
        Ok(body) => body,
        Err((status, message)) => {
            witness.counters.count_malformed();
            return (status, [CLOSE], message).into_response();
        }
    };
    match timeout_at(deadline, witness.add_checkpoint(&body)).await {
        Ok(Ok(cosignature)) => ([(CONTENT_TYPE, TEXT)], cosignature.to_string()).into_response(),
        Ok(Err(refused)) => refusal(&refused),
        Err(_) => {
            witness.counters.count_failed();
            let message = "the request took too long; the checkpoint may have been saved\n";
            (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        }
    }
}

/// The body, or the status and the message of the response.
async fn read(body: Body, deadline: Instant) -> Result<Bytes, (StatusCode, &'static str)> {
    const TOO_LONG: (StatusCode, &str) =
        (StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than any request\n");
    if body.size_hint().lower() > REQUEST_MAX as u64 {
        return Err(TOO_LONG);
    }
    match timeout_at(deadline, Limited::new(body, REQUEST_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TOO_LONG),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body could not be read\n")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body was not sent in time\n")),
    }
}

fn refusal(refused: &Refused) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or_default();
    if let Refused::Refusal(Refusal::Stale { size, .. }) = refused {
        return (status, [(CONTENT_TYPE, known_size::TYPE)], known_size::to_text(*size))
            .into_response();
    }
    tracing::debug!(status = status.as_u16(), reason = %refused, "refused");
    (status, [(CONTENT_TYPE, TEXT)], format!("{refused}\n")).into_response()
}

/// The key of the witness, and a line for each log: origin, size and root.
async fn status(State(service): State<Service>) -> Response {
    let line = |(origin, state): (&str, OriginState)| match state {
        OriginState::New => format!("{origin} new\n"),
        OriginState::Cosigned { size, root } => format!("{origin} {size} {root}\n"),
        OriginState::Unusable { .. } => format!("{origin} unusable\n"),
    };
    let head = format!("witness {}\n", service.witness.verifier());
    let text = service.witness.origins().map(line).fold(head, |text, line| text + &line);
    ([(CONTENT_TYPE, TEXT)], text).into_response()
}

async fn metrics(State(service): State<Service>) -> Response {
    ([(CONTENT_TYPE, METRICS)], service.witness.counters.to_text()).into_response()
}
