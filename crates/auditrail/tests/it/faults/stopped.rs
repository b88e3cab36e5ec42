//! PostgreSQL is stopped and started.

use auditrail_testkit::{Kill, OwnServer, Transport, kill_server, over_each_transport};
use local_postgres::{Status, StopMode};
use tempfile::TempDir;

use super::Tried;
use crate::running::key_in;

over_each_transport!(a_stopped_postgresql_is_503_until_it_is_started);

async fn a_stopped_postgresql_is_503_until_it_is_started(transport: Transport) {
    let mut server = OwnServer::start_over(transport).await;
    let key = key_in(server.service()).await;
    let mut tried = Tried::start(&server.url(&server.service()), key).await;
    for mode in [StopMode::Fast, StopMode::Immediate] {
        server.stop(mode);
        tried.refuses_writes("keys_unavailable").await;
        tried.refuses_reads("keys_unavailable").await;
        tried.refuses_to_be_ready().await;
        server.restart();
        tried.recovers().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_postgresql_that_was_killed_is_started_again() {
    let dir = TempDir::new().unwrap();
    let mut tried = Tried::start_private(dir.path().to_str().unwrap()).await;
    for what in [Kill::Everything, Kill::Postmaster] {
        let Status::Running(server) = local_postgres::status(dir.path()).unwrap() else {
            panic!("the private server does not run")
        };
        kill_server(server.pid(), what);
        tried.recovers().await;
    }
    let (code, log) = tried.service.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("had died; it was started again"), "{log}");
    assert!(matches!(local_postgres::status(dir.path()).unwrap(), Status::Stopped { .. }));
}
