//! `GET /v1/audit-logs/{id}/proof`: returns the proof of one record.

use auditrail_api::{ProblemDocument, RecordProofDocument};
use auditrail_core::{RecordId, TenantId};
use auditrail_evidence::{Disclosure, FIELDS, RecordProof};
use auditrail_store::StoreError;
use auditrail_store::tree::ProofOutcome;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::app::App;
use crate::extract::{QueryParams, RequestOrigin, Searcher};
use crate::json;
use crate::limits::RETRY_SOON;
use crate::problem::Problem;
use crate::self_audit::{ReadOperation, record_read};

/// It has the record, which may be erased for legal reasons, so caches do not keep it.
const CACHE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Returns the proof that the transparency log has a record as it is.
///
/// It shows every field with the salt of its commitment, and has the inclusion proof of the entry under the newest
/// checkpoint. `auditrail verify proof` verifies it without this service. A new record is in a checkpoint about a second
/// after its commit.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/{id}/proof",
    operation_id = "get_proof",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "Record id", format = "uuid")),
    responses(
        (status = 200, description = "Proof", body = RecordProofDocument),
        (status = 503, description = "The record is not in a signed checkpoint yet (`proof_not_ready`)",
         body = ProblemDocument, content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn proof(
    mut reader: Searcher,
    State(app): State<App>,
    Path(id): Path<String>,
    origin: RequestOrigin,
    params: QueryParams,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    let id: RecordId = id.parse().map_err(|_| Problem::no_record())?;
    let outcome = loop {
        let principal = reader.principal();
        let _share = app.database_shares().read(reader.share_holder()).await?;
        match app.log().proof(id, principal.tenant.as_ref(), principal.version).await {
            Err(StoreError::KeyChanged) => reader.refresh().await?,
            outcome => break outcome?,
        }
    };
    reader.set_verified();
    let proof = match outcome {
        ProofOutcome::Proved(proof) => proof,
        ProofOutcome::NotSigned => return Err(not_ready(&app)),
        ProofOutcome::NoRecord => return Err(Problem::no_record()),
    };
    let tenant = tenant(&proof);
    record_read(&app, reader.principal(), origin, ReadOperation::Proof(id, tenant.as_ref()))
        .await?;
    let mut response = json::response(proof.to_json());
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    Ok(response)
}

/// The tenant of the record, which its proof shows.
fn tenant(proof: &RecordProof) -> Option<TenantId> {
    let field = FIELDS.into_iter().find(|field| field.as_str() == "tenant_id")?;
    match &proof.fields[field.index()] {
        Disclosure::Shown { value: Some(tenant), .. } => {
            Some(TenantId::from_stored(tenant.as_str()))
        }
        _ => None,
    }
}

fn not_ready(app: &App) -> Problem {
    let detail = if app.sequencing().status().signed_size.is_some() {
        "the record is not in a signed checkpoint yet; retry shortly"
    } else {
        "this service signs no checkpoints, and none that was stored has the record; set AUDITRAIL_SIGNING_KEY_FILE"
    };
    let title = "Proof not ready";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "proof_not_ready", title, detail)
        .retry_after(RETRY_SOON)
}
