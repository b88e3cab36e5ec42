//! `POST /v1/keys`: a new key.

use auditrail_core::{ApiKey, FieldError, InputError, KeyEnv, NewKey};
use auditrail_store::{IssuedKey, StoreError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::schema::{IssuedKeySchema, NewKeySchema};
use crate::answer::Json;
use crate::app::App;
use crate::auth::{Administrator, Principal};
use crate::body::Entity;
use crate::clock;
use crate::context::Origin;
use crate::problem::{Problem, ProblemSchema, not_json};
use crate::search::Pairs;

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
    request_body(content = NewKeySchema, description = "API key to create"),
    responses(
        (status = 201, description = "API key created, and its creation audited",
         body = IssuedKeySchema),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn create(
    admin: Administrator,
    State(app): State<App>,
    origin: Origin,
    pairs: Pairs,
    entity: Entity,
) -> Result<Response, Problem> {
    pairs.none()?;
    let new = NewKey::from_json(entity.json()?, clock::now()).map_err(refused)?;
    let new = within(admin.principal(), new)?;
    let made = app.keys().create(&new, &super::by(admin.principal()), &origin.into_context()).await;
    let issued = made.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(Issued::new(&issued))).into_response())
}

/// Makes the key one of the tenant the caller is bound to; one of another tenant is refused.
fn within(principal: &Principal, mut new: NewKey) -> Result<NewKey, Problem> {
    if new.tenant_id.is_none() {
        new.tenant_id.clone_from(&principal.tenant);
    }
    match principal.sees(new.tenant_id.as_ref()) {
        true => Ok(new),
        false => Err(Problem::other_tenant()),
    }
}

fn refused(error: InputError) -> Problem {
    match error {
        InputError::NotJson { .. } => not_json(error.to_string()),
        InputError::Invalid(errors) => invalid(errors.into_iter().collect()),
    }
}

/// Between reading and making, a key's time may have run out.
fn failed(error: StoreError) -> Problem {
    match error {
        StoreError::InvalidKey { error } => invalid(vec![error]),
        other => other.into(),
    }
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = "the API key is invalid; see `errors`";
    let title = "Invalid API key request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_new_key", title, detail)
        .with_errors(errors)
}

/// The answer: the only document that holds a key.
#[derive(Serialize)]
struct Issued<'a> {
    key: &'a str,
    environment: KeyEnv,
    #[serde(flatten)]
    kept: &'a ApiKey,
}

impl<'a> Issued<'a> {
    fn new(issued: &'a IssuedKey) -> Self {
        let IssuedKey { key, secret } = issued;
        Self { key: secret.expose(), environment: secret.env(), kept: key }
    }
}
