//! Two small services behind the gateway: `/projects` and `/billing`.
//!
//! They store everything in memory, trust the gateway's header about the caller, and contain no audit code.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use example_gateway::{nodelay, shutdown_signal};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Listens on two loopback ports, and prints both addresses as one line of JSON.
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let projects = TcpListener::bind(any_port).await?;
    let billing = TcpListener::bind(any_port).await?;
    let addresses = json!({
        "projects": format!("http://{}", projects.local_addr()?),
        "billing": format!("http://{}", billing.local_addr()?),
    });
    writeln!(std::io::stdout(), "{addresses}")?;
    tokio::select! {
        result = axum::serve(nodelay(projects), projects_service()).into_future() => result,
        result = axum::serve(nodelay(billing), billing_service()).into_future() => result,
        () = shutdown_signal() => Ok(()),
    }
}

/// The counter of a service.
type Counter = Arc<AtomicU64>;

fn next(counter: &Counter) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

fn projects_service() -> Router {
    Router::new()
        .route("/projects", get(list).post(create_project))
        .route("/projects/{id}", delete(delete_project).patch(rename_project))
        .with_state(Counter::default())
}

async fn list() -> Json<Value> {
    Json(json!([]))
}

/// A project has a secret, which must not be recorded.
async fn create_project(
    State(counter): State<Counter>,
    Json(request): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let id = format!("p{}", next(&counter));
    let secret = format!("deploy-secret-of-{id}");
    let project = json!({ "id": id, "name": request["name"], "deploy_secret": secret });
    (StatusCode::CREATED, Json(project))
}

async fn rename_project(Path(id): Path<String>, Json(request): Json<Value>) -> Json<Value> {
    Json(json!({ "id": id, "name": request["name"] }))
}

async fn delete_project() -> StatusCode {
    StatusCode::NO_CONTENT
}

fn billing_service() -> Router {
    Router::new()
        .route("/billing/invoices", post(create_invoice))
        .route("/billing/invoices/{id}/pay", post(pay_invoice))
        .route("/billing/refunds", post(refund))
        .with_state(Counter::default())
}

async fn create_invoice(State(counter): State<Counter>) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "id": format!("inv{}", next(&counter)) })))
}

/// Paying `inv0` fails, so that a failure is recorded too.
async fn pay_invoice(Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    match id.as_str() {
        "inv0" => (StatusCode::CONFLICT, Json(json!({ "error": "no such invoice" }))),
        _ => (StatusCode::OK, Json(json!({ "id": id, "paid": true }))),
    }
}

async fn refund() -> StatusCode {
    StatusCode::ACCEPTED
}
