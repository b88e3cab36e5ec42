//! PostgreSQL is stopped and started.

use auditrail_testkit::OwnServer;
use local_postgres::StopMode;

use super::Tried;
use crate::running::key_in;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_postgresql_is_503_until_it_is_started() {
    let mut server = OwnServer::start().await;
    let key = key_in(server.service()).await;
    let mut tried = Tried::start(&server.url(&server.service()), key).await;
    for mode in [StopMode::Fast, StopMode::Immediate] {
        server.stop(mode);
        tried.refuses_writes("keys_unavailable").await;
        tried.refuses_reads("keys_unavailable").await;
        assert!(tried.ready().await.is_some());
        server.restart();
        tried.recovers().await;
    }
}
