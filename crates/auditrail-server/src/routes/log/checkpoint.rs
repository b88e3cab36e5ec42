//! `GET /v1/log/checkpoint`: returns the newest checkpoint.

use auditrail_api::ProblemDocument;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::{no_checkpoint, read};
use crate::app::App;
use crate::extract::{QueryParams, Verifier};
use crate::problem::Problem;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Returns the newest signed checkpoint of the transparency log.
///
/// It is a signed note of <https://c2sp.org/tlog-checkpoint>: the name of the log, the number of its entries, and the root
/// of its tree. The log signs one about each second in which it has grown.
#[utoipa::path(
    get,
    path = "/v1/log/checkpoint",
    operation_id = "get_checkpoint",
    tag = "transparency log",
    security(("bearer" = ["verify"])),
    responses(
        (status = 200, description = "Checkpoint", body = String, content_type = "text/plain"),
        (status = 404, description = "Nothing was signed yet (`no_checkpoint`)", body = ProblemDocument,
         content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn checkpoint(
    mut verifier: Verifier,
    State(app): State<App>,
    params: QueryParams,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    let note = read(&app, &mut verifier, |log, key| async move { log.checkpoint(key).await });
    let note = note.await?.ok_or_else(no_checkpoint)?;
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, CACHE)];
    Ok((headers, note).into_response())
}
