//! `GET /v1/audit-logs`: returns a page of matching records.

use auditrail_api::ProblemDocument;
use auditrail_core::{Count, Order, Page, Pagination, Query, Record};
use auditrail_store::{ApiKeyVersion, StoreError};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::extract::{QueryParams, RequestOrigin, Searcher};
use crate::json::Json;
use crate::problem::Problem;
use crate::self_audit::{ReadOperation, record_read};

/// The page as the OpenAPI document names it: `Page`.
type RecordPage = Page<Record>;

/// Also the path in links to the next page.
const PATH: &str = "/v1/audit-logs";

/// Returns matching records, newest first unless `order=asc` is given.
///
/// `next_cursor` leads to the next page and `prev_cursor` back. `around` returns the page in whose middle a record is;
/// if it does not match the filters, or does not exist, the response is 404.
#[utoipa::path(
    get,
    path = PATH,
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(Query),
    responses(
        (status = 200, description = "Page of records", body = RecordPage,
         headers(("Link" = String, description = "URL of the next page, with `rel=\"next\"` (RFC 8288)"))),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    mut reader: Searcher,
    State(app): State<App>,
    origin: RequestOrigin,
    params: QueryParams,
) -> Result<Response, Problem> {
    let query = params.clone().query(reader.principal(), &app)?;
    record_read(&app, reader.principal(), origin, ReadOperation::List(&query.filters)).await?;
    match search(&app, &reader, &query, reader.principal().version).await? {
        Err(StoreError::KeyChanged) => reader.refresh().await?,
        page => {
            let page = page?;
            reader.set_verified();
            return Ok((link(&query, &page), Json(page)).into_response());
        }
    }
    // The key may be restricted to another tenant now.
    let query = params.query(reader.principal(), &app)?;
    let page = search(&app, &reader, &query, None).await??;
    Ok((link(&query, &page), Json(page)).into_response())
}

/// Searches with a share of the database connections; counting is slow, and so is searching for words.
async fn search(
    app: &App,
    reader: &Searcher,
    query: &Query,
    key: Option<ApiKeyVersion>,
) -> Result<Result<RecordPage, StoreError>, Problem> {
    let (shares, holder) = (app.database_shares(), reader.share_holder());
    let page = app.log().page_with_key(query, key);
    if query.count == Count::None && !query.filters.has_text_terms() {
        return shares.search(holder, page).await;
    }
    let _shares = shares.slow_read(holder).await?;
    Ok(page.await)
}

/// The `Link` header to the next page, with all its parameters.
fn link(query: &Query, page: &Page<Record>) -> Option<[(HeaderName, HeaderValue); 1]> {
    let Pagination { limit, next_cursor, .. } = &page.pagination;
    let mut params = query.filters.to_pairs();
    params.push(("limit".into(), limit.to_string()));
    if query.order != Order::default() {
        params.push(("order".into(), query.order.as_str().to_owned()));
    }
    params.push(("cursor".into(), next_cursor.clone()?));
    let query = serde_urlencoded::to_string(params).ok()?;
    let link = HeaderValue::try_from(format!("<{PATH}?{query}>; rel=\"next\"")).ok()?;
    Some([(header::LINK, link)])
}
