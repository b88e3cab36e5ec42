//! https with a trusted and an untrusted certificate.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use auditrail_witness::{InvalidWitness, WitnessClient, WitnessError};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{LONG, Log, Running, directory, witness_key};

/// The variable that names the trusted certificates, and one for where to write the certificate of the server.
const TRUSTED: &str = "SSL_CERT_FILE";
const CERTIFICATE: &str = "WITNESS_TEST_CERTIFICATE";

/// A server for `localhost`, and its certificate as PEM.
fn acceptor() -> (TlsAcceptor, String) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certified.cert.pem())
}

/// Terminates TLS in front of a witness. Returns the URL.
async fn terminate_tls(acceptor: TlsAcceptor, witness: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate aborts the handshake.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut upstream = TcpStream::connect(witness).await.unwrap();
                    // How the connection ends does not matter: the client has its response.
                    drop(tokio::io::copy_bidirectional(&mut stream, &mut upstream).await);
                }
            });
        }
    });
    format!("https://localhost:{port}")
}

/// The variable of the trusted certificates is read by another process: this one runs this test again.
#[tokio::test]
async fn trusted_certificate_is_accepted() {
    let Some(certificate) = std::env::var_os(CERTIFICATE) else {
        let directory = directory();
        let certificate = directory.path().join("certificate.pem");
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls::trusted_certificate_is_accepted"])
            .env(TRUSTED, &certificate)
            .env(CERTIFICATE, &certificate)
            .status();
        assert!(status.unwrap().success() && certificate.exists());
        return;
    };
    let (acceptor, pem) = acceptor();
    std::fs::write(Path::new(&certificate), pem).unwrap();
    let (directory, log) = (directory(), Log::new("entry", 7));
    let witness = Running::start(directory.path()).await;
    let url = terminate_tls(acceptor, witness.address).await;
    let client = WitnessClient::new(&url, vec![witness_key(9).verifier()], LONG).unwrap();
    assert_eq!(client.cosign(&log.checkpoint(7), &log).await.unwrap().len(), 1);
}

#[tokio::test]
async fn untrusted_certificate_is_refused() {
    let (directory, log) = (directory(), Log::new("entry", 7));
    let witness = Running::start(directory.path()).await;
    let url = terminate_tls(acceptor().0, witness.address).await;
    // On a system without root certificates there is no client.
    match WitnessClient::new(&url, vec![witness_key(9).verifier()], LONG) {
        Ok(client) => {
            let error = client.cosign(&log.checkpoint(7), &log).await.unwrap_err();
            assert!(matches!(error, WitnessError::Unreachable { .. }), "{error}");
        }
        Err(error) => assert!(matches!(error, InvalidWitness::RootCertificates(_)), "{error}"),
    }
    assert!(witness.get("/").await.body.ends_with(" new\n"), "the request arrived");
}
