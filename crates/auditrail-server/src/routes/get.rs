//! `GET /v1/audit-logs/{id}`: returns one record.

use auditrail_api::ProblemDocument;
use auditrail_core::{Record, RecordId};
use auditrail_store::StoreError;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::extract::{QueryParams, RequestOrigin, Searcher};
use crate::json;
use crate::problem::Problem;
use crate::self_audit::{ReadOperation, record_read};

/// A record may be erased for legal reasons, so caches must revalidate their copies.
const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Returns one record.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/{id}",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "Record id", format = "uuid")),
    responses(
        (status = 200, description = "Record", body = Record,
         headers(("ETag" = String, description = "Strong validator of the response body"))),
        (status = 304, description = "The record matches `If-None-Match`"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    mut reader: Searcher,
    State(app): State<App>,
    Path(id): Path<String>,
    origin: RequestOrigin,
    params: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    let id: RecordId = id.parse().map_err(|_| Problem::no_record())?;
    let record = loop {
        let _share = app.database_shares().read(reader.share_holder()).await?;
        match app.log().get_with_key(id, reader.principal().version).await {
            Err(StoreError::KeyChanged) => reader.refresh().await?,
            record => break record?,
        }
    };
    reader.set_verified();
    let record = record
        .filter(|record| reader.principal().sees(record.tenant_id.as_ref()))
        .ok_or_else(Problem::no_record)?;
    record_read(&app, reader.principal(), origin, ReadOperation::Get(&record)).await?;
    respond(&record, &headers)
}

fn respond(record: &Record, headers: &HeaderMap) -> Result<Response, Problem> {
    let json = serde_json::to_vec(record).map_err(|_| Problem::internal("internal"))?;
    let etag = etag(&json).ok_or_else(|| Problem::internal("internal"))?;
    let mut response = if matches_any(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json::response(json)
    };
    response.headers_mut().insert(header::ETAG, etag);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    Ok(response)
}

/// A strong entity tag: 128 bits of the SHA-256 of the body.
fn etag(json: &[u8]) -> Option<HeaderValue> {
    let digest = Sha256::digest(json);
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).ok()
}

/// Whether `If-None-Match` contains the tag, by weak comparison (RFC 9110 §13.1.2).
fn matches_any(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags =
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    })
}
