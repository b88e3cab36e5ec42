//! The floor of what a request costs: HTTP and JSON alone. The body is read into a struct by serde, and
//! the answer is the same record as JSON. There is no database, no key and no check beyond the types.
//!
//! It has what `auditrail serve` has: the same version of axum, the same allocator with the same
//! options, tokio's runtime with a worker for each processor, and the same profile of optimisation.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ActorType {
    User,
    System,
    ApiKey,
}

#[derive(Deserialize, Serialize)]
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

async fn echo(Json(record): Json<Record>) -> (StatusCode, Json<Record>) {
    (StatusCode::CREATED, Json(record))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().route("/audit-logs", post(echo));
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
