//! `GET /v1/log/keys`: returns the keys that verify checkpoints.

use auditrail_api::{ProblemDocument, VerifierKeys};
use axum::extract::State;

use super::read;
use crate::app::App;
use crate::extract::{QueryParams, Verifier};
use crate::json::Json;
use crate::problem::Problem;

/// Returns the public keys of all keys that have signed checkpoints, oldest first.
///
/// A key stays in the list when it is replaced. Trust in a key cannot come from here: compare it with one that was
/// received in another way.
#[utoipa::path(
    get,
    path = "/v1/log/keys",
    operation_id = "list_verifier_keys",
    tag = "transparency log",
    security(("bearer" = ["verify"])),
    responses(
        (status = 200, description = "Keys in the form of <https://c2sp.org/signed-note>", body = VerifierKeys),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn keys(
    mut verifier: Verifier,
    State(app): State<App>,
    params: QueryParams,
) -> Result<Json<VerifierKeys>, Problem> {
    params.reject_unknown()?;
    let data = read(&app, &mut verifier, |log, key| async move { log.verifier_keys(key).await });
    Ok(Json(VerifierKeys { data: data.await? }))
}
