//! Connections, in plain text or with TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;

/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A client whose connections are made within the timeout. The certificates of the system are read for https only, so
/// that plain http works on systems without any.
pub(super) fn client(
    is_secure: bool,
    timeout: Duration,
) -> Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(timeout));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let builder = HttpsConnectorBuilder::new();
    let builder = if is_secure {
        let roots = builder.with_provider_and_native_roots(ring::default_provider());
        roots.map_err(certificates)?
    } else {
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificates(io::Error::other(error)))?;
        let roots = versions.with_root_certificates(RootCertStore::empty());
        builder.with_tls_config(roots.with_no_client_auth())
    };
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
    Ok(client.build(connector))
}

fn certificates(source: io::Error) -> Error {
    Error::Failed {
        code: "certificates",
        detail: "cannot read the root certificates of the system".to_owned(),
        source: Some(source.into()),
        hint: None,
    }
}
