//! https: with an authority that the system trusts, and with one that it does not.

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

/// Takes the encryption off before the service, as many do. Gives the port.
async fn encrypted(service: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust us hangs up.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut onward = TcpStream::connect(service).await.unwrap();
                    onward.set_nodelay(true).unwrap();
                    // However it ends, the client has what it was sent.
                    drop(tokio::io::copy_bidirectional(&mut stream, &mut onward).await);
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_arrive_over_https_with_an_authority_that_is_trusted() {
    let service = Service::start().await;
    let port = encrypted(service.proxy.address()).await;
    let spool = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{port}");
    let path = spool.path().to_owned();
    let said = tokio::task::spawn_blocking(move || {
        let authority = file("ca.pem");
        let mut child = Recording::start_trusting(&url, &path, "a", 1, Some(&authority));
        let mut said = Vec::new();
        while let Some(line) = child.line() {
            let settled = line == "settled";
            said.push(line);
            if settled {
                break;
            }
        }
        said.extend(child.kill());
        said
    });
    let said = said.await.unwrap();
    assert!(said.contains(&"vouched a-0-must".to_owned()), "{said:?}");
    assert_eq!(service.targets().await, ["a-0-best_effort", "a-0-must", "a-0-spool"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_who_shows_a_certificate_that_nobody_vouches_for() {
    let service = Service::start().await;
    let port = encrypted(service.proxy.address()).await;
    // A system that trusts nobody at all does not even get that far.
    let error = match Client::builder(&format!("https://localhost:{port}")).key(KEY).build() {
        Ok(client) => client.create(input("a")).await.unwrap_err(),
        Err(error) => error,
    };
    let refused = matches!(error, ClientError::Unreachable { .. } | ClientError::RootCertificates { .. });
    assert!(refused, "{error:?}");
    assert_eq!(service.proxy.times().len(), 0);
}
