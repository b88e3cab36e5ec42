//! https with a trusted and an untrusted certificate authority.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auditrail_client::{Client, ClientError};
use auditrail_core::AuditLogService;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::child::Recording;
use crate::support::{KEY, Service, input};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Terminates TLS in front of the service. Returns the port.
async fn terminate_tls(service: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate aborts the handshake.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut upstream = TcpStream::connect(service).await.unwrap();
                    upstream.set_nodelay(true).unwrap();
                    // How the connection ends does not matter: the client has its response.
                    drop(tokio::io::copy_bidirectional(&mut stream, &mut upstream).await);
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_arrive_over_https_with_a_trusted_ca() {
    let service = Service::start().await;
    let port = terminate_tls(service.proxy.address()).await;
    let spool = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{port}");
    let path = spool.path().to_owned();
    let reader = tokio::task::spawn_blocking(move || {
        let ca = file("ca.pem");
        let mut child = Recording::start_with_ca(&url, &path, "a", 1, Some(&ca));
        let mut output = Vec::new();
        while let Some(line) = child.line() {
            let is_last = line == "settled";
            output.push(line);
            if is_last {
                break;
            }
        }
        output.extend(child.kill());
        output
    });
    let output = reader.await.unwrap();
    assert!(output.contains(&"durable a-0-must".to_owned()), "{output:?}");
    assert_eq!(service.targets().await, ["a-0-best_effort", "a-0-must", "a-0-spool"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_a_server_with_an_untrusted_certificate() {
    let service = Service::start().await;
    let port = terminate_tls(service.proxy.address()).await;
    // On a system without root certificates building the client fails already.
    let error = match Client::builder(&format!("https://localhost:{port}")).key(KEY).build() {
        Ok(client) => client.create(input("a")).await.unwrap_err(),
        Err(error) => error,
    };
    let is_untrusted =
        matches!(error, ClientError::Unreachable { .. } | ClientError::RootCertificates { .. });
    assert!(is_untrusted, "{error:?}");
    assert_eq!(service.proxy.times().len(), 0);
}
