//! `GET /v1/audit-logs/feed`: returns the next records of the sequence.

mod options;

use auditrail_api::{FeedPage, ProblemDocument};
use auditrail_core::{FeedPosition, FeedQuery, Filters};
use auditrail_store::{FeedBatch, StoreError};
use axum::extract::State;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::extract::{QueryParams, RequestOrigin, Searcher};
use crate::json::Json;
use crate::problem::Problem;
use crate::self_audit::{FeedOperation, record_feed};
use crate::tail_stream::shown;
use options::FeedOptions;
pub(super) use options::{After, AfterParams, parse_after, parse_seq};

/// Returns the next matching records, in the order of their seq.
///
/// Every record gets a seq shortly after it was committed: from 0, without gaps, and it never changes. A reader that
/// stores the position of each response, and continues from it, gets each record exactly once, in one order, from
/// every server. Records that have left the log are skipped. One request examines at most 10,000 records and returns
/// about 4 MiB, so continue while `has_more` is true, also if `data` is empty.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/feed",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(FeedOptions, Filters),
    responses(
        (status = 200, description = "Next records", body = FeedPage),
        (status = 410, description = "The log has no such position (`position_unknown`): it was restored to an \
            earlier state, or the position is of another log. Continue from an earlier position, or from the start.",
         body = ProblemDocument, content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn feed(
    mut reader: Searcher,
    State(app): State<App>,
    origin: RequestOrigin,
    mut params: QueryParams,
) -> Result<Json<FeedPage>, Problem> {
    let options = FeedOptions::parse(&mut params)?;
    // The response has to come before the request times out.
    let deadline = Instant::now() + options.wait.min(app.config().request_timeout / 2);
    let filters = params.clone().filters(reader.principal())?;
    record_feed(&app, reader.principal(), origin, FeedOperation::Feed, &filters).await?;
    let mut after = match options.after {
        After::Position(position) => position,
        After::Head => head(&app, &reader).await?,
    };
    loop {
        let filters = params.clone().filters(reader.principal())?;
        let query = FeedQuery { filters, after, limit: options.limit };
        let batch = match read(&app, &reader, &query).await? {
            Err(StoreError::KeyChanged) => {
                reader.refresh().await?;
                continue;
            }
            batch => batch?,
        };
        reader.set_verified();
        let is_waiting = batch.items.is_empty() && !batch.has_more() && Instant::now() < deadline;
        if is_waiting && wait_beyond(&app, &reader, batch.position, deadline).await? {
            after = batch.position;
            continue;
        }
        return Ok(Json(page(batch, &query.filters, &reader)));
    }
}

/// Reads with a share of the database connections.
async fn read(
    app: &App,
    reader: &Searcher,
    query: &FeedQuery,
) -> Result<Result<FeedBatch, StoreError>, Problem> {
    let key = reader.principal().version;
    app.database_shares().search(reader.share_holder(), app.log().feed(query, key)).await
}

async fn head(app: &App, reader: &Searcher) -> Result<FeedPosition, Problem> {
    let _share = app.database_shares().read(reader.share_holder()).await?;
    Ok(app.log().head().await?)
}

/// Waits until the log has records after a position; whether it has, before the deadline.
async fn wait_beyond(
    app: &App,
    reader: &Searcher,
    position: FeedPosition,
    deadline: Instant,
) -> Result<bool, Problem> {
    if app.shutting_down().has_begun() {
        return Ok(false);
    }
    let listening = app.tails().listen(reader.share_holder(), None)?;
    let mut head = listening.head();
    let is_beyond = |seq: i64| seq > position.seq;
    let found = head.wait_for(|head| head.position.is_some_and(|head| is_beyond(head.seq)));
    tokio::select! {
        found = timeout_at(deadline, found) => Ok(matches!(found, Ok(Ok(_)))),
        () = app.shutting_down().begun(std::time::Duration::ZERO) => Ok(false),
    }
}

fn page(batch: FeedBatch, filters: &Filters, reader: &Searcher) -> FeedPage {
    let has_more = batch.has_more();
    let position = shown(batch.position, reader.principal());
    let filtered = *filters != Filters::default();
    FeedPage { data: batch.items, position, has_more, filtered }
}
