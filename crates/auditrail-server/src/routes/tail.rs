//! `GET /v1/audit-logs/tail`: sends new records as server-sent events.

use auditrail_api::ProblemDocument;
use auditrail_core::Filters;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::feed::{After, AfterParams, parse_after, parse_seq};
use crate::app::App;
use crate::extract::{QueryParams, Reader, RequestOrigin};
use crate::limits::RETRY_SOON;
use crate::listen::PeerStream;
use crate::problem::Problem;
use crate::self_audit::{FeedOperation, record_feed};
use crate::tail_stream::{Tail, TailContext, with_intents};

/// The header in which a browser sends the id of the last event it has received.
const LAST_EVENT_ID: &str = "last-event-id";

/// Sends matching records as server-sent events, as soon as they have a seq.
///
/// The response does not end by itself. Events: `record` with a record and its seq; `position`, if records that do
/// not match have moved the position, and at the start; `end` before the service ends the response, with the reason
/// and where to continue. The `id` of each event is the seq of its position, so `Last-Event-ID`, which browsers send
/// when they connect again, continues without missing or repeating a record. A comment is sent at least every 15
/// seconds. The connection of a client that reads too slowly is closed; it continues from the last event it has
/// received.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/tail",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(
        AfterParams,
        ("Last-Event-ID" = Option<String>, Header, description = "Seq of the last received event; takes precedence \
            over `after`."),
        Filters,
    ),
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        (status = 410, description = "The log has no such position (`position_unknown`).",
         body = ProblemDocument, content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn tail(
    reader: Reader,
    State(app): State<App>,
    origin: RequestOrigin,
    peer: Option<Extension<PeerStream>>,
    headers: HeaderMap,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let after = parse_after(&mut params)?;
    let after = last_event(&headers)?.or(after);
    let filters = with_intents(params.filters(reader.principal())?);
    if app.shutting_down().has_begun() {
        return Err(shutting_down());
    }
    let connection = reader.caller().connection();
    let listening = app.tails().listen(reader.share_holder(), connection)?;
    record_feed(&app, reader.principal(), origin, FeedOperation::Tail, &filters).await?;
    let gone = match peer {
        Some(Extension(peer)) => peer.gone().boxed(),
        None => std::future::pending().boxed(),
    };
    let context = TailContext {
        listening,
        filters,
        after: match after {
            Some(After::Position(position)) => Some(position),
            Some(After::Head) | None => None,
        },
        principal: reader.principal().clone(),
        holder: reader.share_holder().clone(),
        token: reader.token().into(),
        gone,
    };
    let tail = Tail::start(&app, context).await?;
    Ok(respond(Body::from_stream(tail.into_stream())))
}

/// The position of `Last-Event-ID`.
fn last_event(headers: &HeaderMap) -> Result<Option<After>, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let seq = id.to_str().ok().and_then(|id| parse_seq(id).ok());
    let seq =
        seq.ok_or_else(|| Problem::bad_header("`Last-Event-ID` must be the seq of a record"))?;
    Ok(Some(seq))
}

fn shutting_down() -> Problem {
    let detail = "the service shuts down; continue at another server, or later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "Shutting down", detail)
        .retry_after(RETRY_SOON)
}

fn respond(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store, no-transform"),
        // nginx would buffer the events otherwise.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, body).into_response()
}
