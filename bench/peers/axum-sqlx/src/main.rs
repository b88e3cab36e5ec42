//! Fair, because it is what the examples of axum and sqlx lead to: serde checks the body, one prepared
//! statement from a `PgPool` writes it, and the answer follows its commit. Built with the same
//! optimisation as `auditrail`. The pool is given in POOL; sqlx by itself would open 10 connections.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActorType {
    User,
    System,
    ApiKey,
}

impl ActorType {
    fn name(&self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
            Self::ApiKey => "api_key",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    actor_id: String,
    actor_type: ActorType,
    action: String,
    target_type: String,
    target_id: String,
    metadata: Option<Box<RawValue>>,
    ip_address: Option<IpAddr>,
    user_agent: Option<String>,
    tenant_id: Option<String>,
    request_id: Option<String>,
}

#[derive(Serialize)]
struct Created {
    id: Uuid,
}

const INSERT: &str = "\
    insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
         tenant_id, request_id)
    values ($1, $2, $3, $4, $5, coalesce($6, '{}'), $7, $8, $9, $10)
    returning id";

async fn create(
    State(pool): State<PgPool>,
    Json(record): Json<Record>,
) -> Result<(StatusCode, Json<Created>), (StatusCode, String)> {
    let id = sqlx::query_scalar(INSERT)
        .bind(record.actor_id)
        .bind(record.actor_type.name())
        .bind(record.action)
        .bind(record.target_type)
        .bind(record.target_id)
        .bind(record.metadata.map(sqlx::types::Json))
        .bind(record.ip_address.map(IpNet::from))
        .bind(record.user_agent)
        .bind(record.tenant_id)
        .bind(record.request_id)
        .fetch_one(&pool)
        .await
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok((StatusCode::CREATED, Json(Created { id })))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = std::env::var("POOL").map_or(Ok(10), |pool| pool.parse())?;
    // Host, port, user and database come from PGHOST and so on.
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .connect_with(PgConnectOptions::new())
        .await?;
    let app = Router::new().route("/audit-logs", post(create)).with_state(pool);
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
