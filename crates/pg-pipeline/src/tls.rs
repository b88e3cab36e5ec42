//! Encrypting a connection: rustls with ring, and the operating system's certificate authorities.

mod verifier;

use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::Error;
use crate::options::{Certificate, Options, TlsMode};
use verifier::{AnyCertificate, AnyName};

/// Requests TLS. The server responds with one byte, before anything else is sent.
pub(crate) async fn is_offered(tcp: &mut TcpStream) -> Result<bool, Error> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    tcp.write_all(&request).await?;
    match tcp.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        other => Err(Error::Protocol(format!("response {other:#x} to the request for TLS"))),
    }
}

/// Performs the TLS handshake, with the verification that [`Options::tls`] requires.
pub(crate) async fn handshake(
    tcp: TcpStream,
    host: &str,
    options: &Options,
) -> Result<TlsStream<TcpStream>, Error> {
    let config = config(options).await?;
    let name = ServerName::try_from(host.to_owned()).map_err(tls_error)?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(tls_error)
}

async fn config(options: &Options) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(options, &provider).await?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match (&options.client_certificate, &options.client_key) {
        (Some(chain), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(&pem(key).await?).map_err(tls_error)?;
            builder.with_client_auth_cert(certificates(chain).await?, key).map_err(tls_error)
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(_), None) | (None, Some(_)) => {
            Err(Error::Tls("a client certificate and its key must be given together".to_owned()))
        }
    }
}

async fn verifier(
    options: &Options,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if !matches!(options.tls, TlsMode::VerifyCa | TlsMode::VerifyFull) {
        return Ok(Arc::new(AnyCertificate(Arc::clone(provider))));
    }
    let mut roots = RootCertStore::empty();
    // Malformed certificates of the system are skipped.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(root) = &options.root_certificate {
        for certificate in certificates(root).await? {
            roots.add(certificate).map_err(tls_error)?;
        }
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(tls_error)?;
    Ok(match options.tls {
        TlsMode::VerifyCa => Arc::new(AnyName(verifier)),
        _ => verifier,
    })
}

async fn certificates(pem_of: &Certificate) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = pem(pem_of).await?;
    let certificates =
        CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().map_err(tls_error)?;
    if certificates.is_empty() {
        return Err(Error::Tls(format!("no certificate in {pem_of:?}")));
    }
    Ok(certificates)
}

async fn pem(certificate: &Certificate) -> Result<Vec<u8>, Error> {
    match certificate {
        Certificate::Inline(text) => Ok(text.clone()),
        Certificate::File(path) => tokio::fs::read(path)
            .await
            .map_err(|error| Error::Tls(format!("cannot read {}: {error}", path.display()))),
    }
}

fn tls_error(error: impl std::fmt::Display) -> Error {
    Error::Tls(error.to_string())
}
