//! A network that swallows packets.

use auditrail_testkit::{OwnServer, TestDb};

use super::Tried;
use super::proxy::Proxy;
use crate::running::{key, key_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything_is_503_until_it_does_not() {
    let db = TestDb::migrated().await;
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
    assert!(tried.ready().await.is_some());
    // What was swallowed stays so: only new connections get through.
    proxy.lead_to(&db.service());
    tried.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_in_use_leave_the_pool() {
    let server = OwnServer::start().await;
    let proxy = Proxy::start(&server.service()).await;
    let key = key_in(server.service()).await;
    let mut tried = Tried::start(&proxy.url(&server.service()), key.clone()).await;
    // More requests than the pool has connections, each waiting for this lock.
    let mut admin = server.connect().await;
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    sqlx::raw_sql(lock).execute(&mut admin).await.unwrap();
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let call = tried.service.get("/v1/audit-logs").key(&key);
        reads.spawn(async move { call.send().await.status.as_u16() });
    }
    let waits = "select count(*) >= 8 from pg_stat_activity where wait_event_type = 'Lock'";
    auditrail_testkit::until(&mut admin, waits).await;
    proxy.swallow();
    let told = reads.join_all().await;
    assert!(told.iter().all(|status| *status == 503), "{told:?}");
    sqlx::raw_sql("rollback").execute(&mut admin).await.unwrap();
    proxy.lead_to(&server.service());
    tried.recovers().await;
}
