//! `POST /v1/keys`: a new key.

use auditrail_core::{ApiKey, ApiKeyEnv, FieldError, InputError, NewApiKey};
use auditrail_store::{IssuedApiKey, StoreError};
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

/// Makes a key and shows it, once. What is kept is its SHA-256, so it cannot be had again.
///
/// A key that is bound to a tenant makes keys of that tenant, which is meant where the body names
/// none. Repeating the request makes another key; one whose answer was lost shows in the list and can
/// be revoked.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "create_key",
    tag = "keys",
    security(("bearer" = ["admin"])),
    request_body(content = NewKeySchema, description = "What the key is to be"),
    responses(
        (status = 201, description = "The key was made, and that is recorded",
         body = IssuedKeySchema),
        (status = "default", description = "A problem", body = ProblemSchema,
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
    let new = NewApiKey::from_json(entity.json()?, clock::now()).map_err(refused)?;
    let new = within(admin.principal(), new)?;
    let made = app.keys().create(&new, &super::by(admin.principal()), &origin.into_context()).await;
    let issued = made.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(Issued::new(&issued))).into_response())
}

/// Makes the key one of the tenant the caller is bound to; one of another tenant is refused.
fn within(principal: &Principal, mut new: NewApiKey) -> Result<NewApiKey, Problem> {
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
        StoreError::InvalidApiKey { error } => invalid(vec![error]),
        other => other.into(),
    }
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = "the key cannot be made like that; `errors` has each field that is wrong";
    let title = "The key is not valid";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_new_key", title, detail)
        .with_errors(errors)
}

/// The answer: the only document that holds a key.
#[derive(Serialize)]
struct Issued<'a> {
    key: &'a str,
    environment: ApiKeyEnv,
    #[serde(flatten)]
    kept: &'a ApiKey,
}

impl<'a> Issued<'a> {
    fn new(issued: &'a IssuedApiKey) -> Self {
        let IssuedApiKey { key, secret } = issued;
        Self { key: secret.expose(), environment: secret.env(), kept: key }
    }
}
