//! The example: an axum application.

#[path = "../../examples/projects/app.rs"]
mod app;

use auditrail_testkit::TestDb;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tower::ServiceExt as _;

use crate::support::counts;

async fn send(app: &axum::Router, method: &str, path: &str, name: &str) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("x-user", "u1")
        .body(Body::from(format!("{{\"name\": \"{name}\"}}")))
        .unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn rows_and_records_are_committed_together() {
    let db = TestDb::migrated().await;
    db.as_owner(app::TABLE).await;
    db.as_owner(
        "grant usage on schema shop to auditrail_app;
         grant select, insert, update on shop.projects to auditrail_app",
    )
    .await;
    let app = app::router(db.pool(db.app()).await);
    assert_eq!(send(&app, "POST", "/projects", "a").await, StatusCode::CREATED);
    assert_eq!(counts(&db).await, (1, 1));
    // Rejected by the table, before and after the record.
    assert_eq!(send(&app, "POST", "/projects", "").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(send(&app, "PUT", "/projects/1", "").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(send(&app, "PUT", "/projects/9", "b").await, StatusCode::NOT_FOUND);
    assert_eq!(counts(&db).await, (1, 1));
    assert_eq!(send(&app, "PUT", "/projects/1", "b").await, StatusCode::OK);
    assert_eq!(counts(&db).await, (1, 2));
    // Rejected by the audit log, after the row.
    db.as_owner("drop function control_plane.record_audit_log").await;
    assert_eq!(send(&app, "POST", "/projects", "c").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(counts(&db).await, (1, 2));
}
