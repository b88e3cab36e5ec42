//! An axum application whose changes leave audit records.
#![expect(clippy::print_stdout, reason = "prints its address")]

use std::net::SocketAddr;
use std::time::Duration;

use auditrail_client::{Client, Recorder, RecorderConfig};
use auditrail_core::Actor;
use auditrail_tower::{AuditHandle, AuditLayer, IdFrom, Policy, Principal, Rule};
use axum::Router;
use axum::extract::Path;
use axum::routing::put;
use tokio::net::TcpListener;

/// Renames a project. What the layer cannot know, the handler adds.
async fn rename(audit: AuditHandle, Path(id): Path<String>, name: String) -> String {
    audit.diff(&[("name", "the old name")], &[("name", &name)]);
    format!("{id} is now {name}\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let rule = Rule::on("PUT", "/projects/{id}").action("project.renamed");
    let policy = Policy::builder().rule(rule.target("project", IdFrom::path("id"))).build()?;
    // Reads AUDITRAIL_URL, and AUDITRAIL_KEY or AUDITRAIL_KEY_FILE.
    let config = RecorderConfig::new().spool("audit-spool");
    let recorder = Recorder::open(Client::from_env()?, config).await?;
    let audit = AuditLayer::new(policy, recorder.clone())?.actor(|request| {
        // An application takes the user from its session, never from a header that callers choose.
        let user = request.headers.get("x-user")?.to_str().ok()?;
        Some(Principal::new(Actor::user(user).ok()?))
    });
    let app = Router::new().route("/projects/{id}", put(rename)).layer(audit);

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c).await?;
    recorder.close(Duration::from_secs(5)).await;
    Ok(())
}
