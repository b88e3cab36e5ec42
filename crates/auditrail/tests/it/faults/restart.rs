//! PostgreSQL is stopped or crashes, and is restarted.

use auditrail_testkit::{Kill, OwnServer, Transport, kill_server, over_each_transport};
use local_postgres::{Status, StopMode};
use tempfile::TempDir;

use super::Probe;
use crate::service::key_in;

over_each_transport!(stopped_postgres_returns_503_until_restart);

async fn stopped_postgres_returns_503_until_restart(transport: Transport) {
    let mut server = OwnServer::start_over(transport).await;
    let key = key_in(server.service()).await;
    let mut probe = Probe::start(&server.url(&server.service()), key).await;
    for mode in [StopMode::Fast, StopMode::Immediate] {
        server.stop(mode);
        probe.writes_fail_with("keys_unavailable").await;
        probe.reads_fail_with("keys_unavailable").await;
        probe.becomes_unready().await;
        server.restart();
        probe.recovers().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashed_private_postgres_is_restarted() {
    let dir = TempDir::new().unwrap();
    let mut probe = Probe::start_private(dir.path().to_str().unwrap()).await;
    for what in [Kill::Everything, Kill::Postmaster] {
        let Status::Running(server) = local_postgres::status(dir.path()).unwrap() else {
            panic!("the private server does not run")
        };
        kill_server(server.pid(), what);
        probe.recovers().await;
    }
    let (code, log) = probe.service.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("crashed and was restarted"), "{log}");
    assert!(matches!(local_postgres::status(dir.path()).unwrap(), Status::Stopped { .. }));
}
