//! A network that drops packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auditrail_testkit::http::Call;
use auditrail_testkit::{OwnServer, TestDb, Transport, over_each_transport, until};
use tokio::task::JoinSet;

use super::Probe;
use super::proxy::Proxy;
use crate::service::{key, key_in};

over_each_transport! {
    dropped_packets_return_503,
    dead_connections_leave_the_pool,
}

async fn dropped_packets_return_503(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let proxy = Proxy::start(&db.service()).await;
    let mut probe = Probe::start(&proxy.url(&db.service()), key(&db).await).await;
    proxy.drop_packets();
    for _ in 0..2 {
        // Either the key lookup or the request times out first.
        let write = probe.write().await;
        let read = probe.read().await;
        for code in write.into_iter().chain([read]) {
            let code = code.unwrap();
            assert!(["keys_unavailable", "timeout"].contains(&code.as_str()), "{code}");
        }
    }
    probe.becomes_unready().await;
    // Connections open at that time stay dead; only new ones are forwarded.
    proxy.route_to(&db.service());
    probe.recovers().await;
}

async fn dead_connections_leave_the_pool(transport: Transport) {
    let server = OwnServer::start_over(transport).await;
    let proxy = Proxy::start(&server.service()).await;
    let key = key_in(server.service()).await;
    let mut probe = Probe::start(&proxy.url(&server.service()), key.clone()).await;
    // Requests that use every connection that one key may, all waiting for this lock.
    let mut holder = server.connect().await;
    let mut admin = server.connect().await;
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    let is_last = Arc::new(AtomicBool::new(false));
    let mut reads = JoinSet::new();
    for _ in 0..20 {
        let (address, key, is_last) = (probe.service.address, key.clone(), Arc::clone(&is_last));
        reads.spawn(async move {
            loop {
                let last = is_last.load(Ordering::Relaxed);
                let read = Call::new(address, "GET", "/v1/audit-logs").key(&key).send().await;
                assert_eq!(read.status.as_u16(), 503, "{read:?}");
                if last {
                    return;
                }
            }
        });
    }
    let waits = "select count(*) >= 5 from pg_stat_activity where wait_event_type = 'Lock'";
    until(&mut admin, waits).await;
    proxy.drop_packets();
    is_last.store(true, Ordering::Relaxed);
    reads.join_all().await;
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    proxy.route_to(&server.service());
    probe.recovers().await;
}
