//! The transports between a test and PostgreSQL.

use std::env;
use std::fmt;
use std::net::SocketAddr;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The variable that sets the transport of all databases without an explicit one.
const VARIABLE: &str = "AUDITRAIL_TEST_TRANSPORT";

/// The transport of the connections of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A Unix socket, without a password.
    Unix,
    /// 127.0.0.1, with a password (SCRAM-SHA-256).
    Tcp,
    /// As [`Tcp`](Self::Tcp), and TLS with `sslmode=verify-full`.
    Tls,
}

impl Transport {
    /// The transport in `AUDITRAIL_TEST_TRANSPORT`; by default TCP for odd and the socket for even numbers.
    ///
    /// # Panics
    /// If the variable has another value.
    pub(crate) fn chosen(number: u64) -> Self {
        match env::var(VARIABLE).as_deref() {
            Err(_) if number.is_multiple_of(2) => Self::Unix,
            Err(_) => Self::Tcp,
            Ok("unix") => Self::Unix,
            Ok("tcp") => Self::Tcp,
            Ok("tls") => Self::Tls,
            Ok(other) => panic!("{VARIABLE} is {other:?}; it takes `unix`, `tcp` and `tls`"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unix => "a Unix socket",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        })
    }
}

/// The same role and database through a proxy; without TLS, so that the proxy sees the messages.
///
/// # Panics
/// If the options have no URL.
#[must_use]
pub fn through(options: &PgConnectOptions, proxy: SocketAddr) -> PgConnectOptions {
    let mut url = options.to_url_lossy();
    url.set_ip_host(proxy.ip())
        .and_then(|()| url.set_port(Some(proxy.port())))
        .unwrap_or_else(|()| panic!("cannot replace the address in {url}"));
    let options = PgConnectOptions::from_url(&url);
    options.unwrap_or_else(|e| panic!("{url} is not a URL: {e}")).ssl_mode(PgSslMode::Disable)
}

/// The URL of `database` for any driver, with the role, password and TLS of `options`.
pub(crate) fn url(options: &PgConnectOptions, database: &str) -> String {
    let mut url = options.clone().database(database).to_url_lossy();
    // A parameter that only sqlx has, and the default of another.
    let is_portable = |(name, value): &(String, String)| {
        name != "statement-cache-capacity" && (name, value) != (&"sslmode".into(), &"prefer".into())
    };
    // sqlx 0.9.0 writes the path of a certificate in a form that it does not parse.
    let readable = |(name, value): (String, String)| match value.strip_prefix("file: ") {
        Some(path) => (name, path.to_owned()),
        None => (name, value),
    };
    let parameters: Vec<_> =
        url.query_pairs().into_owned().filter(is_portable).map(readable).collect();
    url.set_query(None);
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    url.into()
}

/// A certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    /// Generates a self-signed certificate for this machine.
    pub(crate) fn new() -> Self {
        let names = ["localhost", "127.0.0.1"].map(ToOwned::to_owned);
        let generated = generate_simple_self_signed(names);
        let CertifiedKey { cert, signing_key } =
            generated.unwrap_or_else(|e| panic!("cannot generate a certificate: {e}"));
        Self { certificate: cert.pem(), key: signing_key.serialize_pem() }
    }
}

/// A certificate for this machine, in PEM, that no server has.
///
/// # Panics
/// If the system has no random numbers.
#[must_use]
pub fn unrelated_certificate() -> String {
    Identity::new().certificate
}

/// Defines two tests for each function with a [`Transport`] argument: over a Unix socket and over TCP.
#[macro_export]
macro_rules! over_each_transport {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_a_unix_socket() {
                super::$name($crate::Transport::Unix).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_tcp() {
                super::$name($crate::Transport::Tcp).await;
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestDb;

    #[tokio::test]
    async fn every_role_connects_over_each_transport() {
        for transport in [Transport::Unix, Transport::Tcp, Transport::Tls] {
            let db = TestDb::migrated_over(transport).await;
            for role in [db.owner(), db.app(), db.reader(), db.service(), db.admin()] {
                let session = "select inet_client_addr() is not null, ssl
                                 from pg_stat_ssl where pid = pg_backend_pid()";
                let url = db.url(&role);
                let mut connection = db.connect(url.parse().unwrap()).await;
                let actual: (bool, bool) =
                    sqlx::query_as(session).fetch_one(&mut connection).await.unwrap();
                let expected = (transport != Transport::Unix, transport == Transport::Tls);
                assert_eq!(actual, expected, "{transport}");
                assert!(!url.contains("statement-cache-capacity"), "{url}");
            }
        }
    }

    #[test]
    fn half_of_the_numbers_give_tcp() {
        if env::var_os(VARIABLE).is_none() {
            let tcp = (0..10).filter(|&number| Transport::chosen(number) == Transport::Tcp);
            assert_eq!(tcp.count(), 5);
        }
    }
}
