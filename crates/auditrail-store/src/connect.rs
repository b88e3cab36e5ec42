//! Converts the connection options of sqlx to those of `pg_pipeline`.
//!
//! sqlx parses the URL, the environment and the password file, so both drivers interpret them equally.

use std::path::PathBuf;
use std::time::Duration;

use pg_pipeline::{Certificate, Connection, Host, Options, TlsMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};

use crate::sqlstate::from_pipeline_error;

/// The prefix of a certificate in a file, in the URL of [`PgConnectOptions`].
const FILE: &str = "file: ";

/// Connects within a timeout. The server will end the session soon after this process is gone, see
/// [`end_with_client`].
pub(crate) async fn connect(
    options: &Options,
    within: Duration,
) -> Result<Connection, sqlx::Error> {
    match tokio::time::timeout(within, open(options)).await {
        Ok(result) => result.map_err(from_pipeline_error),
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "the server did not respond in time",
        ))),
    }
}

async fn open(options: &Options) -> Result<Connection, pg_pipeline::Error> {
    let mut connection = Connection::connect(options).await?;
    let mut exchange = connection.exchange();
    exchange.execute(pg_pipeline::Statement { text: END_WITH_CLIENT, is_kept: false }, &[]);
    match exchange.run().await {
        // The system of the server does not support it.
        Err(failed) if failed.error.server().is_none() => Err(failed.error),
        _ => Ok(connection),
    }
}

/// Makes the server check every second, while a statement runs, whether the client still exists.
///
/// Otherwise a server notices a closed connection only when it next reads or writes: a statement that waits for
/// a lock would hold its session for as long as that takes. PostgreSQL has this setting since version 14, on
/// systems that report a closed socket; it cannot be a start-up option, which an older server rejects.
const END_WITH_CLIENT: &str = "select case
    when current_setting('server_version_num')::int >= 140000
    then set_config('client_connection_check_interval', '1000', false) end";

/// Makes the server end the session soon after this process has closed the connection, where it supports that
/// (PostgreSQL 14 and later, on most systems). For `after_connect` of a pool.
///
/// # Errors
/// If the connection was lost.
pub async fn end_with_client(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    match sqlx::query(END_WITH_CLIENT).persistent(false).execute(db).await {
        Err(sqlx::Error::Database(_)) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The options of `pg_pipeline`.
pub(crate) fn pipeline_options(options: &PgConnectOptions) -> Options {
    let mut converted = Options::new(host(options), options.get_username());
    converted.database = options.get_database().map(str::to_owned);
    converted.tls = match options.get_ssl_mode() {
        // sqlx treats `allow` as `disable`.
        PgSslMode::Disable | PgSslMode::Allow => TlsMode::Disable,
        PgSslMode::Prefer => TlsMode::Prefer,
        PgSslMode::Require => TlsMode::Require,
        PgSslMode::VerifyCa => TlsMode::VerifyCa,
        PgSslMode::VerifyFull => TlsMode::VerifyFull,
    };
    converted.settings =
        [("application_name", options.get_application_name()), ("options", options.get_options())]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
    add_secrets(&mut converted, options);
    converted
}

/// Password, certificates and the number of prepared statements: sqlx exposes these only in its URL. The
/// other parts of that URL are replaced, since sqlx does not escape them.
fn add_secrets(converted: &mut Options, options: &PgConnectOptions) {
    let plain = options.clone().host("localhost").username("user").database("database");
    let url = plain.to_url_lossy();
    converted.password = url.password().map(|password| {
        percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned()
    });
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslrootcert" => converted.root_certificate = Some(certificate(&value)),
            "sslcert" => converted.client_certificate = Some(certificate(&value)),
            "sslkey" => converted.client_key = Some(certificate(&value)),
            "statement-cache-capacity" => {
                converted.statements_max = value.parse().unwrap_or(converted.statements_max);
            }
            _ => {}
        }
    }
}

fn certificate(shown: &str) -> Certificate {
    match shown.strip_prefix(FILE) {
        Some(path) => Certificate::File(PathBuf::from(path)),
        None => Certificate::Inline(shown.as_bytes().to_vec()),
    }
}

/// A host that begins with a slash is a directory of sockets, as for libpq.
fn host(options: &PgConnectOptions) -> Host {
    let port = options.get_port();
    let socket =
        |directory: &str| Host::Unix(PathBuf::from(directory).join(format!(".s.PGSQL.{port}")));
    match (options.get_socket(), options.get_host()) {
        (Some(directory), _) => socket(&directory.to_string_lossy()),
        (None, host) if host.starts_with('/') => socket(host),
        (None, host) => Host::Tcp(host.to_owned(), port),
    }
}
