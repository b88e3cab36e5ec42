//! More connections than the process may have files (`t_fd.py`).

use auditrail_testkit::TestDb;
use auditrail_testkit::http::Call;

use super::wire::{PATIENCE, connect, record};
use crate::sandbox::Sandbox;
use crate::service::{Service, key};

#[tokio::test]
async fn a_low_limit_of_files_keeps_a_reserve() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service())).limit_files(100);
    let service = Service::start(&sandbox, &[]);
    let mut half_open = Vec::new();
    for _ in 0..200 {
        let start = b"GET /v1/audit-logs HTTP/1.1\r\n";
        half_open.push(connect(service.address, None, start).await);
    }
    let honest = async {
        for _ in 0..5 {
            let written = service.post("/v1/audit-logs").key(&key).json(&record("p", 1)).send();
            assert_eq!(written.await.status.as_u16(), 201);
            let page = service.get("/v1/audit-logs?limit=1").key(&key).send().await;
            assert_eq!(page.status.as_u16(), 200);
            for path in ["/livez", "/readyz"] {
                let call = Call::new(service.admin, "GET", path);
                assert_eq!(call.send().await.status.as_u16(), 200, "{path}");
            }
        }
    };
    tokio::time::timeout(PATIENCE, honest).await.unwrap();
    drop(half_open);
    let (code, log) = service.stop();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("the limit of open files is 100").count(), 1, "{log}");
    assert!(!log.contains("cannot accept"), "{log}");
}

#[tokio::test]
async fn the_admin_listener_answers_while_connections_flood_it() {
    let db = TestDb::migrated().await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(connect(service.admin, None, b"GET /livez HTTP/1.1\r\nhost: x\r\n").await);
    }
    let live = Call::new(service.admin, "GET", "/livez").send();
    let live = tokio::time::timeout(PATIENCE / 3, live).await.unwrap();
    assert_eq!(live.status.as_u16(), 200);
}
