//! `GET /v1/log/tile/...`: returns a tile of hashes, or a bundle of entries.

use auditrail_api::ProblemDocument;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tlog::{Resource, TilePath};

use super::read;
use crate::app::App;
use crate::extract::{QueryParams, Verifier};
use crate::problem::Problem;

/// The path of the route: the rest of it is one parameter, with its slashes.
pub(in crate::routes) const PATH: &str = "/v1/log/tile/{*path}";
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Every tile has the same content for ever, partial ones included: another width is another path.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// Returns a tile of the transparency log, or a bundle of its entries.
///
/// The paths are those of <https://c2sp.org/tlog-tiles>: `LEVEL/INDEX` for 256 hashes, `entries/INDEX` for 256 entries, and
/// `.p/WIDTH` after it for the first ones, such as `0/x001/234`, `entries/000.p/7`. A hash has 32 bytes; an entry follows
/// its length in two bytes, big-endian. Entries have ids and times of all tenants, so a key of one tenant gets hashes only.
#[utoipa::path(
    get,
    path = "/v1/log/tile/{*path}",
    operation_id = "get_tile",
    tag = "transparency log",
    security(("bearer" = ["verify"])),
    params(("path" = String, Path, description = "Level or `entries`, and index, with slashes")),
    responses(
        (status = 200, description = "Hashes or entries", body = Vec<u8>,
         content_type = "application/octet-stream"),
        (status = 404, description = "The log has no such tile, or not yet (`no_tile`)", body = ProblemDocument,
         content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn tile(
    mut verifier: Verifier,
    State(app): State<App>,
    Path(path): Path<String>,
    params: QueryParams,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    let path: TilePath = format!("tile/{path}").parse().map_err(|error| no_tile(&error))?;
    if path.resource() == Resource::Entries && verifier.principal().tenant.is_some() {
        return Err(Problem::other_tenant());
    }
    let bytes = read(&app, &mut verifier, |log, key| async move { log.tile(path, key).await });
    let bytes = bytes.await?.ok_or_else(|| no_tile(&"the log has no such tile, or not yet"))?;
    let headers = [(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, CACHE)];
    Ok((headers, bytes).into_response())
}

fn no_tile(detail: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_tile", "No such tile", detail.to_string())
}
