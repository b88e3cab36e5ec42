//! Server-sent events other than records.

use auditrail_api::TailEnd;
use auditrail_core::FeedPosition;
use bytes::Bytes;
use serde::Serialize;

use super::end::detail;
use crate::telemetry::metrics::TailEndReason;

/// How long a browser waits before it connects again, in milliseconds.
const RETRY_MILLIS: u32 = 2_000;

/// The start of a tail: the position from which it continues.
pub(super) fn start(position: FeedPosition) -> Bytes {
    format!("retry: {RETRY_MILLIS}\n{}", event("position", position, &position)).into()
}

/// A comment, and a position without a record if it has moved.
pub(super) fn heartbeat(position: Option<FeedPosition>) -> Bytes {
    match position {
        None => Bytes::from_static(b": heartbeat\n\n"),
        Some(position) => event("position", position, &position).into(),
    }
}

/// The last event.
pub(super) fn end(reason: TailEndReason, position: FeedPosition) -> Bytes {
    let (reason, detail) = (reason.as_str().to_owned(), detail(reason).to_owned());
    event("end", position, &TailEnd { reason, detail, position }).into()
}

/// An event with JSON data, which has no line breaks.
fn event(name: &str, position: FeedPosition, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    // An id of -1 would be a position too, but some libraries accept only numbers from 0.
    let id = if position.seq < 0 { String::new() } else { format!("id: {}\n", position.seq) };
    format!("{id}event: {name}\ndata: {data}\n\n")
}
