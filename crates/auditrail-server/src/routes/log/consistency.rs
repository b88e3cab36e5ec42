//! `GET /v1/log/consistency`: returns a consistency proof.

use auditrail_api::{ConsistencyProof, ProblemDocument};
use auditrail_core::{FieldError, ValidationErrors, ValueError};
use auditrail_evidence::ConsistencyDocument;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::read;
use crate::app::App;
use crate::extract::{QueryParams, Verifier};
use crate::json;
use crate::problem::{Problem, in_parameter, in_query};

/// The sizes of two trees.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::routes) struct Sizes {
    /// Number of entries of the earlier checkpoint.
    #[param(minimum = 0)]
    #[expect(dead_code, reason = "describes a parameter")]
    from: i64,
    /// Number of entries of the later checkpoint.
    #[param(minimum = 0)]
    #[expect(dead_code, reason = "describes a parameter")]
    to: i64,
}

/// Returns the proof that a checkpoint continues an earlier one.
///
/// The hashes are those of RFC 6962, section 2.1.2. `auditrail verify consistency` verifies them with both checkpoints.
#[utoipa::path(
    get,
    path = "/v1/log/consistency",
    operation_id = "get_consistency_proof",
    tag = "transparency log",
    security(("bearer" = ["verify"])),
    params(Sizes),
    responses(
        (status = 200, description = "Consistency proof", body = ConsistencyProof),
        (status = 404, description = "The log has fewer entries than `to` (`no_tree`)", body = ProblemDocument,
         content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn consistency(
    mut verifier: Verifier,
    State(app): State<App>,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let (from, to) = sizes(&mut params)?;
    params.reject_unknown()?;
    if from > to {
        let error = ValueError::BadFormat { expected: "a size that is not larger than `to`" };
        return Err(in_parameter("from", &error));
    }
    let hashes =
        read(&app, &mut verifier, |log, key| async move { log.consistency(from, to, key).await });
    let hashes = hashes.await?.ok_or_else(|| {
        let detail = format!("the log has fewer than {to} entries");
        Problem::new(StatusCode::NOT_FOUND, "no_tree", "No such tree", detail)
    })?;
    Ok(json::response(ConsistencyDocument { from, to, hashes }.to_json()))
}

/// Reports both parameters, if both are not valid.
fn sizes(params: &mut QueryParams) -> Result<(u64, u64), Problem> {
    let mut errors = Vec::new();
    let mut size = |name| {
        let size = size(params.take(name).as_deref());
        size.unwrap_or_else(|error| {
            errors.push(FieldError::new(name, &error));
            0
        })
    };
    let sizes = (size("from"), size("to"));
    ValidationErrors::new(errors).map_or(Ok(sizes), |errors| Err(in_query(errors)))
}

fn size(text: Option<&str>) -> Result<u64, ValueError> {
    let expected = "a number of entries, from 0 to 9223372036854775807";
    let text = text.filter(|text| !text.is_empty()).ok_or(ValueError::Empty)?;
    let size = text.parse::<i64>().ok().and_then(|size| u64::try_from(size).ok());
    size.filter(|_| !text.starts_with('+')).ok_or(ValueError::BadFormat { expected })
}
