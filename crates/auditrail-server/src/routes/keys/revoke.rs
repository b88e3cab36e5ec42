//! `DELETE /v1/keys/{id}`: revokes an API key.

use auditrail_api::ProblemDocument;
use auditrail_core::{ApiKey, ApiKeyId};
use auditrail_store::Revoked;
use axum::extract::{Path, State};

use crate::app::App;
use crate::extract::{Administrator, QueryParams, RequestOrigin};
use crate::json::Json;
use crate::problem::Problem;

/// Revokes an API key: requests received after the response are refused. The key stays in the list.
///
/// The operation is idempotent. An API key can revoke itself, and the last key with the scope `admin`
/// can be revoked too: a leaked key must be revocable in every case, and an operator with access to
/// the database can create another one with the command-line program.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    operation_id = "revoke_key",
    tag = "keys",
    security(("bearer" = ["admin"])),
    params(("id" = String, Path, description = "API key id (not the secret)",
            format = "uuid")),
    responses(
        (status = 200, description = "The revoked API key",
         body = ApiKey),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn revoke(
    admin: Administrator,
    State(app): State<App>,
    Path(id): Path<String>,
    origin: RequestOrigin,
    params: QueryParams,
) -> Result<Json<ApiKey>, Problem> {
    params.reject_unknown()?;
    let id: ApiKeyId = id.parse().map_err(|_| super::not_found())?;
    let tenant = admin.principal().tenant.as_ref();
    let actor = super::actor(admin.principal());
    let _share = app.database_shares().revoke_key().await?;
    let revoked = app.keys().revoke(id, tenant, &actor, &origin.into_context()).await?;
    match revoked.ok_or_else(super::not_found)? {
        Revoked::Now(key) | Revoked::Before(key) => Ok(Json(key)),
    }
}
