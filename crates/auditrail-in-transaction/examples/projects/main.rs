//! An axum application whose rows and audit records are committed together.
//!
//! ```text
//! export DATABASE_URL=$(auditrail db url)
//! cargo run -p auditrail-in-transaction --features sqlx-0_9 --example projects
//! curl -i localhost:3000/projects -H 'X-User: u1' -H 'Content-Type: application/json' -d '{"name":"a"}'
//! curl -i localhost:3000/projects -H 'X-User: u1' -H 'Content-Type: application/json' -d '{"name":""}'
//! auditrail query --target-type project
//! ```
//!
//! The second request violates a constraint before the record is written; a `PUT /projects/1` with an empty name
//! violates it afterwards, and leaves no record either.
#![expect(clippy::print_stdout, reason = "prints the address")]

mod app;

use std::env;
use std::error::Error;

use axum::serve::ListenerExt as _;
use sqlx::{Executor, PgPool};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL to a migrated database")?;
    let pool = PgPool::connect(&url).await?;
    pool.execute(sqlx::raw_sql(app::TABLE)).await?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Otherwise the end of a response may wait for the acknowledgement of its start.
    let listener = listener.tap_io(|socket| socket.set_nodelay(true).unwrap_or_default());
    axum::serve(listener, app::router(pool)).await?;
    Ok(())
}
