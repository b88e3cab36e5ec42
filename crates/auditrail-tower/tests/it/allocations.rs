//! Nothing that is allocated is proportional to a body, at the level `metadata`.

use allocation_counter::{AllocationInfo, measure};
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::sink::MemorySink;
use crate::support::layer;

const POLICY: &str = r#"
failure = "best_effort"
[[rule]]
route = "/echo"
action = "thing.echoed"
target_type = "thing"
target_id = { value = "all" }
"#;

/// What it takes to send a JSON body of so many pieces of 64 KiB through an application and back.
fn echo(app: &Router, pieces: usize) -> AllocationInfo {
    static PIECE: [u8; 65_536] = [b' '; 65_536];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let send = || {
        let parts =
            stream::iter(0..pieces).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&PIECE)));
        let request = Request::post("/echo").header("content-type", "application/json");
        let request = request.body(Body::from_stream(parts)).unwrap();
        runtime.block_on(async {
            let mut body = app.clone().oneshot(request).await.unwrap().into_body();
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                bytes += frame.unwrap().into_data().unwrap().len();
            }
            assert_eq!(bytes, pieces * PIECE.len());
        });
    };
    // The first request also pays for what is made once.
    send();
    measure(send)
}

#[test]
fn allocations_do_not_grow_with_the_body() {
    let echoing = || {
        Router::new()
            .route("/echo", post(async |body: Body| ([("content-type", "application/json")], body)))
    };
    let sink = MemorySink::new();
    let (with, without) = (echoing().layer(layer(POLICY, &sink)), echoing());
    let extra = |pieces: usize| {
        let (with, without) = (echo(&with, pieces), echo(&without, pieces));
        (with.bytes_total - without.bytes_total, with.count_total - without.count_total)
    };
    let empty = extra(0);
    // 64 KiB and 16 MiB.
    assert_eq!(extra(1).1, empty.1);
    let large = extra(256);
    assert_eq!(large.1, empty.1, "as many allocations");
    // The records differ by the digits of how long it took.
    assert!(large.0.abs_diff(empty.0) < 256, "{empty:?} {large:?}");
}
