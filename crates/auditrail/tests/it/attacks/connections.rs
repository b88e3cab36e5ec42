//! Thousands of connections that do nothing useful (`t_conn.py`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use auditrail_testkit::{TestDb, raise_limit_of_files};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use super::wire::{PATIENCE, connect, head, read_to_end, record, statuses, tenant_key};
use crate::sandbox::Sandbox;
use crate::service::{Service, key};

/// Connections of an attack, and of the service at most.
const ATTACKERS: usize = 1_500;
const CONNECTIONS_MAX: &str = "300";

/// Connects from an address of the loopback network.
async fn connect_from(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((IpAddr::from(from), 0).into())?;
    socket.connect(to).await
}

/// Keeps opening connections that send these bytes again and again, while honest callers connect.
async fn attack(service: &Service, key: &str, bytes: &'static [u8], addresses: u8) {
    let to = service.address;
    let flooded = Arc::new(Notify::new());
    let begun = Arc::clone(&flooded);
    let flooding = tokio::spawn(async move {
        let mut streams = Vec::new();
        for number in 0.. {
            let last = u8::try_from(number % usize::from(addresses)).unwrap_or_default();
            if number == ATTACKERS {
                begun.notify_one();
            }
            if let Ok(stream) = connect_from(Ipv4Addr::new(127, 0, 1, last + 1), to).await {
                streams.push(stream);
            }
            if streams.len() > ATTACKERS {
                drop(streams.swap_remove(number % ATTACKERS));
            }
            if let Some(stream) = streams.get_mut(number * 7 % ATTACKERS) {
                drop(stream.write_all(bytes).await);
            }
        }
    });
    flooded.notified().await;
    for _ in 0..10 {
        let honest = service.get("/v1/audit-logs?limit=1").key(key).send();
        let answer = tokio::time::timeout(PATIENCE / 3, honest).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200);
    }
    flooding.abort();
}

async fn service() -> (TestDb, String, Service) {
    raise_limit_of_files();
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()))
        .set("AUDITRAIL_CONNECTIONS_MAX", CONNECTIONS_MAX)
        .set("AUDITRAIL_UNAUTHENTICATED_MAX", "100");
    let service = Service::start(&sandbox, &[]);
    (db, key, service)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_keep_callers_out() {
    let (_db, key, service) = service().await;
    attack(&service, &key, b"", 1).await;
    attack(&service, &key, b"", 250).await;
    let metrics = service.metrics().await;
    for reason in ["address", "unauthenticated"] {
        let zero = format!("auditrail_connections_shed_total{{reason=\"{reason}\"}} 0\n");
        assert!(!metrics.contains(&zero), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_do_not_keep_callers_out() {
    let (_db, key, service) = service().await;
    attack(&service, &key, b"GET / HTTP/1.1\r\nhost: x\r\nx: y", 250).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_a_key_do_not_keep_callers_out() {
    let (_db, key, service) = service().await;
    attack(&service, &key, b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n", 250).await;
    attack(&service, &key, b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenant_does_not_use_all_connections() {
    let db = TestDb::migrated().await;
    let (a, b) = (tenant_key(&db, "a").await, tenant_key(&db, "b").await);
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_CONNECTIONS_MAX", "40");
    let service = Service::start(&sandbox, &[]);
    let unfinished = head("POST", "/v1/audit-logs", &a, 1_000) + "{";
    let mut streams = Vec::new();
    for _ in 0..80 {
        streams.push(connect(service.address, None, unfinished.as_bytes()).await);
    }
    let honest = async {
        for _ in 0..5 {
            let written = service.post("/v1/audit-logs").key(&b).json(&record("p", 1)).send();
            assert_eq!(written.await.status.as_u16(), 201);
        }
    };
    // Before the bodies are ended for their rate.
    tokio::time::timeout(Duration::from_secs(4), honest).await.unwrap();
    let mut one_more = connect(service.address, None, unfinished.as_bytes()).await;
    let (response, _) = read_to_end(&mut one_more).await;
    assert_eq!(statuses(&response), [503], "{response}");
    // Its keys can still be revoked.
    let revoked = service.get("/v1/keys").key(&a).send().await;
    assert_eq!(revoked.status.as_u16(), 200);
}
