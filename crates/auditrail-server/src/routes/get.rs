//! `GET /v1/audit-logs/{id}`: one record.

use auditrail_core::{Record, RecordId};
use auditrail_store::StoreError;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::schema::RecordSchema;
use crate::answer;
use crate::app::App;
use crate::auth::Searcher;
use crate::context::{Origin, Read, record_read};
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// A record may be erased by law, so a copy is kept only as long as we say that it holds.
const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Returns one record.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/{id}",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "Record id", format = "uuid")),
    responses(
        (status = 200, description = "Record", body = RecordSchema,
         headers(("ETag" = String, description = "Strong validator of the response body"))),
        (status = 304, description = "The record matches `If-None-Match`"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    mut reader: Searcher,
    State(app): State<App>,
    Path(id): Path<String>,
    origin: Origin,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    pairs.none()?;
    let id: RecordId = id.parse().map_err(|_| Problem::no_record())?;
    let record = loop {
        match app.log().get_with_key(id, reader.principal().version).await {
            Err(StoreError::KeyChanged) => reader.look_up_again().await?,
            record => break record?,
        }
    };
    reader.set_verified();
    let seen = record.filter(|record| reader.principal().sees(record.tenant_id.as_ref()));
    let record = seen.ok_or_else(Problem::no_record)?;
    record_read(&app, reader.principal(), origin, Read::Get(&record)).await?;
    tagged(&record, &headers)
}

fn tagged(record: &Record, headers: &HeaderMap) -> Result<Response, Problem> {
    let json = serde_json::to_vec(record).map_err(|_| Problem::internal("internal"))?;
    let tag = tag(&json).ok_or_else(|| Problem::internal("internal"))?;
    let mut response = match is_known(headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => answer::bytes(json),
    };
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    Ok(response)
}

/// A strong tag: 128 bits of the SHA-256 of the body.
fn tag(json: &[u8]) -> Option<HeaderValue> {
    let digest = Sha256::digest(json);
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).ok()
}

/// Whether `If-None-Match` names the tag (RFC 9110 §13.1.2, which compares weakly).
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = given.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes()
    })
}
