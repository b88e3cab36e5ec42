//! A network that swallows packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auditrail_testkit::http::Call;
use auditrail_testkit::{OwnServer, TestDb, Transport, over_each_transport, until};
use tokio::task::JoinSet;

use super::Tried;
use super::proxy::Proxy;
use crate::running::{key, key_in};

over_each_transport! {
    a_network_that_swallows_everything_is_503_until_it_does_not,
    connections_that_died_in_use_leave_the_pool,
}

async fn a_network_that_swallows_everything_is_503_until_it_does_not(transport: Transport) {
    let db = TestDb::migrated_over(transport).await;
    let proxy = Proxy::start(&db.service()).await;
    let mut tried = Tried::start(&proxy.url(&db.service()), key(&db).await).await;
    proxy.swallow();
    for _ in 0..2 {
        // The check of the key or the request itself ends first.
        let (write, read) = (tried.write().await, tried.read().await);
        for code in write.into_iter().chain([read]) {
            let code = code.unwrap();
            assert!(["keys_unavailable", "timeout"].contains(&code.as_str()), "{code}");
        }
    }
    tried.refuses_to_be_ready().await;
    // What was swallowed stays so: only new connections get through.
    proxy.lead_to(&db.service());
    tried.recovers().await;
}

async fn connections_that_died_in_use_leave_the_pool(transport: Transport) {
    let server = OwnServer::start_over(transport).await;
    let proxy = Proxy::start(&server.service()).await;
    let key = key_in(server.service()).await;
    let mut tried = Tried::start(&proxy.url(&server.service()), key.clone()).await;
    // Requests that use every connection of the pool, and each time wait for this lock.
    let (mut holder, mut admin) = (server.connect().await, server.connect().await);
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    let swallowed = Arc::new(AtomicBool::new(false));
    let mut reads = JoinSet::new();
    for _ in 0..20 {
        let (address, key, swallowed) =
            (tried.service.address, key.clone(), Arc::clone(&swallowed));
        reads.spawn(async move {
            loop {
                let last = swallowed.load(Ordering::Relaxed);
                let read = Call::new(address, "GET", "/v1/audit-logs").key(&key).send().await;
                assert_eq!(read.status.as_u16(), 503, "{read:?}");
                if last {
                    return;
                }
            }
        });
    }
    let waits = "select count(*) >= 8 from pg_stat_activity where wait_event_type = 'Lock'";
    until(&mut admin, waits).await;
    proxy.swallow();
    swallowed.store(true, Ordering::Relaxed);
    reads.join_all().await;
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    proxy.lead_to(&server.service());
    tried.recovers().await;
}
