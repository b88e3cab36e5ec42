//! `DELETE /v1/keys/{id}`: the end of a key.

use auditrail_core::{ApiKey, ApiKeyId};
use auditrail_store::Revoked;
use axum::extract::{Path, State};

use super::schema::ApiKeySchema;
use crate::answer::Json;
use crate::app::App;
use crate::auth::Administrator;
use crate::context::Origin;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Revokes a key: every request that comes after the answer is refused. It stays in the list.
///
/// Revoking it again changes nothing and answers the same. A key can revoke itself, and the last one
/// with the scope `admin` can be revoked too: one that has leaked must be shut out whatever else it
/// opened, and whoever has the database can make another on the command line.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    operation_id = "revoke_key",
    tag = "keys",
    security(("bearer" = ["admin"])),
    params(("id" = String, Path, description = "The id of the key, never the key itself",
            format = "uuid")),
    responses(
        (status = 200, description = "The key as it is now: revoked, and that is recorded",
         body = ApiKeySchema),
        (status = "default", description = "A problem", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn revoke(
    admin: Administrator,
    State(app): State<App>,
    Path(id): Path<String>,
    origin: Origin,
    pairs: Pairs,
) -> Result<Json<ApiKey>, Problem> {
    pairs.none()?;
    let id: ApiKeyId = id.parse().map_err(|_| super::unknown())?;
    let (tenant, by) = (admin.principal().tenant.as_ref(), super::by(admin.principal()));
    let revoked = app.keys().revoke(id, tenant, &by, &origin.into_context()).await?;
    match revoked.ok_or_else(super::unknown)? {
        Revoked::Now(key) | Revoked::Before(key) => Ok(Json(key)),
    }
}
