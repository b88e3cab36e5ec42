//! `POST /v1/keys`: creates an API key.

use auditrail_api::{IssuedKey, ProblemDocument};
use auditrail_core::{FieldError, InputError, NewApiKey};
use auditrail_store::{IssuedApiKey, StoreError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::clock;
use crate::extract::{Administrator, QueryParams, RequestBody, RequestOrigin};
use crate::json::Json;
use crate::problem::{Problem, not_json};

/// Creates an API key and returns its secret, once. Only the SHA-256 of the secret is stored.
///
/// An API key that is restricted to a tenant creates keys of that tenant only, and that is the default.
/// The operation is not idempotent: a retry creates another key. A key whose response was lost is in
/// the list and can be revoked.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "create_key",
    tag = "keys",
    security(("bearer" = ["admin"])),
    request_body(content = NewApiKey, description = "API key to create"),
    responses(
        (status = 201, description = "API key created, and its creation audited",
         body = IssuedKey<'static>),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn create(
    admin: Administrator,
    State(app): State<App>,
    origin: RequestOrigin,
    params: QueryParams,
    mut body: RequestBody,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    let mut new = NewApiKey::from_json(body.json()?, clock::now()).map_err(invalid_input)?;
    admin.principal().default_tenant(&mut new.tenant_id)?;
    let actor = super::actor(admin.principal());
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let issued =
        app.keys().create(&new, &actor, &origin.into_context()).await.map_err(creation_failed)?;
    let IssuedApiKey { key: api_key, secret } = &issued;
    let document = IssuedKey { key: secret.expose(), environment: secret.env(), api_key };
    Ok((StatusCode::CREATED, Json(document)).into_response())
}

fn invalid_input(error: InputError) -> Problem {
    match error {
        InputError::NotJson { .. } => not_json(error.to_string()),
        InputError::Invalid(errors) => invalid(errors.into_iter().collect()),
    }
}

/// The expiry time may have passed between parsing and creation.
fn creation_failed(error: StoreError) -> Problem {
    match error {
        StoreError::InvalidApiKey { error } => invalid(vec![error]),
        other => other.into(),
    }
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = "the API key is invalid; see `errors`";
    let title = "Invalid API key request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_new_key", title, detail)
        .with_errors(errors)
}
