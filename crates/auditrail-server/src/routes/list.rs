//! `GET /v1/audit-logs`: a page of a search.

use auditrail_core::{Page, Pagination, Query, Record};
use auditrail_store::StoreError;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::schema::{FilterParams, PageParams, PageSchema};
use crate::answer::Json;
use crate::app::App;
use crate::auth::Searcher;
use crate::context::{Origin, Read, record_read};
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// The path; a link to the next page names it.
const PATH: &str = "/v1/audit-logs";

/// Returns matching records, newest first.
#[utoipa::path(
    get,
    path = PATH,
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(FilterParams, PageParams),
    responses(
        (status = 200, description = "Page of records", body = PageSchema,
         headers(("Link" = String, description = "URL of the next page, with `rel=\"next\"` (RFC 8288)"))),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    mut reader: Searcher,
    State(app): State<App>,
    origin: Origin,
    pairs: Pairs,
) -> Result<Response, Problem> {
    let query = pairs.clone().query(reader.principal(), &app)?;
    record_read(&app, reader.principal(), origin, Read::List(&query.filters)).await?;
    match app.log().page_with_key(&query, reader.principal().version).await {
        Err(StoreError::KeyChanged) => reader.look_up_again().await?,
        page => {
            let page = page?;
            reader.set_verified();
            return Ok((link(&query, &page), Json(page)).into_response());
        }
    }
    // The key may be bound to another tenant now.
    let query = pairs.query(reader.principal(), &app)?;
    let page = app.log().page(&query).await?;
    Ok((link(&query, &page), Json(page)).into_response())
}

/// The header that leads to the next page, with every parameter it needs.
fn link(query: &Query, page: &Page<Record>) -> Option<[(HeaderName, HeaderValue); 1]> {
    let Pagination { limit, next_cursor, .. } = &page.pagination;
    let mut pairs = query.filters.to_pairs();
    pairs.push(("limit".into(), limit.to_string()));
    pairs.push(("cursor".into(), next_cursor.clone()?));
    let query = serde_urlencoded::to_string(pairs).ok()?;
    let link = HeaderValue::try_from(format!("<{PATH}?{query}>; rel=\"next\"")).ok()?;
    Some([(header::LINK, link)])
}
