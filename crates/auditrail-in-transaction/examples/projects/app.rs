//! The application: changes projects over HTTP, each with an audit record in the same transaction.

use auditrail_core::{Action, Actor, CreateInput, RequestContext, Target, TargetType};
use auditrail_in_transaction::sqlx_0_9::record_in;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::PgPool;

/// The table of the application.
pub(crate) const TABLE: &str = "create schema if not exists shop;
     create table if not exists shop.projects (
         id bigint generated always as identity primary key,
         name text not null check (name <> ''))";

#[derive(Deserialize)]
struct ProjectInput {
    name: String,
}

type HandlerResult = Result<(StatusCode, String), (StatusCode, String)>;

pub(crate) fn router(pool: PgPool) -> Router {
    Router::new()
        .route("/projects", post(create))
        .route("/projects/{id}", put(rename))
        .with_state(pool)
}

/// Creates a project and its record; if either fails, neither is committed.
async fn create(
    State(pool): State<PgPool>,
    headers: HeaderMap,
    Json(ProjectInput { name }): Json<ProjectInput>,
) -> HandlerResult {
    let actor = actor(&headers)?;
    let mut tx = pool.begin().await.map_err(failed)?;
    let id: i64 = sqlx::query_scalar("insert into shop.projects (name) values ($1) returning id")
        .bind(&name)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    let target = Target::new(TargetType::Project, id.to_string().parse().map_err(failed)?);
    let input = CreateInput::new(actor, Action::ProjectCreated, target)
        .with_metadata_of(&serde_json::json!({ "name": name }))
        .map_err(failed)?
        .with_context(context(&headers));
    record_in(&mut tx, &input).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok((StatusCode::CREATED, format!("/projects/{id}\n")))
}

/// Renames a project after recording it: a failed change rolls back the record.
async fn rename(
    State(pool): State<PgPool>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Json(ProjectInput { name }): Json<ProjectInput>,
) -> HandlerResult {
    let target = Target::new(TargetType::Project, id.to_string().parse().map_err(failed)?);
    let input = CreateInput::new(actor(&headers)?, Action::ProjectUpdated, target)
        .with_context(context(&headers));
    let mut tx = pool.begin().await.map_err(failed)?;
    record_in(&mut tx, &input).await.map_err(failed)?;
    let result = sqlx::query("update shop.projects set name = $1 where id = $2")
        .bind(&name)
        .bind(id)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    if result.rows_affected() == 0 {
        return Err((StatusCode::NOT_FOUND, "no such project\n".to_owned()));
    }
    tx.commit().await.map_err(failed)?;
    Ok((StatusCode::OK, "renamed\n".to_owned()))
}

/// A real application uses its session, never a header that callers choose.
fn actor(headers: &HeaderMap) -> Result<Actor, (StatusCode, String)> {
    let user = headers.get("x-user").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Actor::user(user).map_err(|error| (StatusCode::UNAUTHORIZED, format!("X-User {error}\n")))
}

fn context(headers: &HeaderMap) -> RequestContext {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    RequestContext {
        user_agent: text("user-agent").and_then(|text| text.parse().ok()),
        request_id: text("x-request-id").and_then(|text| text.parse().ok()),
        ip_address: None,
    }
}

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
}
