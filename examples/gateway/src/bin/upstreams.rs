//! Two small services for the gateway to stand in front of: `/projects` and `/billing`.
//!
//! They keep everything in memory, believe whatever the gateway tells them about the caller, and know
//! nothing of an audit log. That is the point: none of them had to be changed.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use example_gateway::{nodelay, told_to_end};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Answers on two ports of loopback, and prints both addresses as one line of JSON.
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let (projects, billing) = (TcpListener::bind(here).await?, TcpListener::bind(here).await?);
    let addresses = json!({
        "projects": format!("http://{}", projects.local_addr()?),
        "billing": format!("http://{}", billing.local_addr()?),
    });
    writeln!(std::io::stdout(), "{addresses}")?;
    tokio::select! {
        served = axum::serve(nodelay(projects), projects_service()).into_future() => served,
        served = axum::serve(nodelay(billing), billing_service()).into_future() => served,
        () = told_to_end() => Ok(()),
    }
}

/// The next number of a service.
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

/// A project has a secret, so that there is something that must not get into a record.
async fn create_project(
    State(counter): State<Counter>,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let id = format!("p{}", next(&counter));
    let secret = format!("deploy-secret-of-{id}");
    let made = json!({ "id": id, "name": asked["name"], "deploy_secret": secret });
    (StatusCode::CREATED, Json(made))
}

async fn rename_project(Path(id): Path<String>, Json(asked): Json<Value>) -> Json<Value> {
    Json(json!({ "id": id, "name": asked["name"] }))
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

/// One invoice cannot be paid, so that a failure is recorded too.
async fn pay_invoice(Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    match id.as_str() {
        "inv0" => (StatusCode::CONFLICT, Json(json!({ "error": "there is no such invoice" }))),
        _ => (StatusCode::OK, Json(json!({ "id": id, "paid": true }))),
    }
}

async fn refund() -> StatusCode {
    StatusCode::ACCEPTED
}
