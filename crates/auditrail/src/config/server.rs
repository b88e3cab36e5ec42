//! The settings of `serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use auditrail_core::CursorKey;
use auditrail_server::{CorsConfig, RateBudgets, ServerConfig, limits};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::environment::Environment;
use super::error::ConfigError;
use super::resolver::{ResolvedSetting, Resolver, Scalar, Secret};
use super::retention::{ArchiveDirSources, RetentionSettings};
use super::signing_key::SigningKeySources;
use super::value::{Count, Limit, ListenAddress, LogFilter, LogFormat, Origins};
use crate::cli::ServeArgs;

/// Loopback, so that exposing the service is an explicit choice.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Loopback, since the admin listener has no authentication.
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// Connections for reads, of which one tenant gets half. A search takes milliseconds.
const DATABASE_CONNECTIONS: u32 = 10;
/// Connections for exports, and so how many run at once; one tenant gets half. Each holds a snapshot.
const EXPORT_CONNECTIONS: u32 = 4;
/// The format of log lines.
pub(super) const LOG_FORMAT_VARIABLE: &str = "AUDITRAIL_LOG_FORMAT";
/// Shorter keys could be guessed.
const CURSOR_KEY_MIN_CHARS: usize = 32;

/// The table `[server]` of `auditrail.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerTable {
    listen: Option<Scalar>,
    admin_listen: Option<Scalar>,
    record_reads: Option<Scalar>,
    sequencer: Option<Scalar>,
    retention: Option<Scalar>,
    pub(super) archive_dir: Option<PathBuf>,
    pub(super) signing_key_file: Option<PathBuf>,
    database_connections: Option<Scalar>,
    export_connections: Option<Scalar>,
    export_min_rate: Option<Scalar>,
    connections_max: Option<Scalar>,
    unauthenticated_max: Option<Scalar>,
    tails_max: Option<Scalar>,
    body_min_rate: Option<Scalar>,
    response_min_rate: Option<Scalar>,
    write_timeout: Option<Scalar>,
    request_timeout: Option<Scalar>,
    shutdown_grace: Option<Scalar>,
    write_budget: Option<Scalar>,
    query_budget: Option<Scalar>,
    export_budget: Option<Scalar>,
    shutdown_delay: Option<Scalar>,
    cors_origins: Option<Scalar>,
    otlp_endpoint: Option<Scalar>,
    cursor_key: Option<String>,
    pub(super) cursor_key_file: Option<PathBuf>,
    maintenance_database_url: Option<String>,
    pub(super) maintenance_database_url_file: Option<PathBuf>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

/// Resolved settings of `serve`.
pub(crate) struct ServerSettings {
    pub(crate) listen: ListenAddress,
    pub(crate) admin_listen: ListenAddress,
    /// Maximum number of connections for reads.
    pub(crate) database_connections: u32,
    /// Maximum number of connections for exports.
    pub(crate) export_connections: u32,
    /// Whether this server may sequence records.
    pub(crate) sequencer: bool,
    /// The key that signs checkpoints of the transparency log; `None` signs none, or with the key of a private database.
    pub(crate) signing_key_file: Option<PathBuf>,
    /// The removal of expired records.
    pub(crate) retention: RetentionSettings,
    pub(crate) config: ServerConfig,
    pub(crate) log: LogFilter,
    pub(crate) log_format: LogFormat,
    /// Endpoint of an OpenTelemetry collector.
    pub(crate) otlp_endpoint: Option<String>,
    cursor_key: Option<String>,
    /// The database URL of the owner of the table, for the maintenance of its partitions. May contain a
    /// password; `None` means the URL of the service.
    pub(crate) maintenance_database_url: Option<String>,
}

impl ServerSettings {
    /// Resolves the settings with their sources. `found_file` is the path of the configuration file, unless the user
    /// named it.
    ///
    /// # Errors
    /// As [`Settings::resolve`](super::Settings::resolve).
    pub(super) fn resolve(
        args: &ServeArgs,
        environment: &Environment,
        file: &ServerTable,
        found_file: Option<&Path>,
    ) -> Result<(Self, Vec<ResolvedSetting>), ConfigError> {
        let mut r = Resolver::new(environment);
        let archive_dir = ArchiveDirSources {
            flag: args.archive_dir.as_deref(),
            file: file.archive_dir.as_deref(),
            found_file,
        };
        let signing_key = SigningKeySources {
            flag: args.signing_key_file.as_deref(),
            file: file.signing_key_file.as_deref(),
            found_file,
        };
        let settings = Self {
            listen: r.setting(
                "server.listen",
                "AUDITRAIL_LISTEN",
                args.listen.as_deref(),
                file.listen.as_ref(),
                LISTEN.into(),
            )?,
            admin_listen: r.setting(
                "server.admin_listen",
                "AUDITRAIL_ADMIN_LISTEN",
                args.admin_listen.as_deref(),
                file.admin_listen.as_ref(),
                ADMIN_LISTEN.into(),
            )?,
            database_connections: r
                .setting(
                    "server.database_connections",
                    "AUDITRAIL_DATABASE_CONNECTIONS",
                    None,
                    file.database_connections.as_ref(),
                    Count(DATABASE_CONNECTIONS),
                )?
                .0,
            export_connections: r
                .setting(
                    "server.export_connections",
                    "AUDITRAIL_EXPORT_CONNECTIONS",
                    None,
                    file.export_connections.as_ref(),
                    Count(EXPORT_CONNECTIONS),
                )?
                .0,
            sequencer: r.setting(
                "server.sequencer",
                "AUDITRAIL_SEQUENCER",
                None,
                file.sequencer.as_ref(),
                true,
            )?,
            signing_key_file: signing_key.resolve(&mut r)?,
            retention: RetentionSettings::resolve(&mut r, file.retention.as_ref(), &archive_dir)?,
            config: config(&mut r, file)?,
            cursor_key: cursor_key(&mut r, file)?,
            maintenance_database_url: maintenance_database_url(&mut r, file)?,
            otlp_endpoint: r.optional(
                "server.otlp_endpoint",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                None,
                file.otlp_endpoint.as_ref(),
            )?,
            log: log_filter(&mut r, file)?,
            log_format: log_format(&mut r, file)?,
        };
        Ok((settings, r.into_resolved()))
    }

    /// The format of log lines alone.
    ///
    /// # Errors
    /// When its value is invalid.
    pub(super) fn log_format(
        environment: &Environment,
        file: &ServerTable,
    ) -> Result<LogFormat, ConfigError> {
        log_format(&mut Resolver::new(environment), file)
    }

    /// The key that signs page cursors. By default it is derived from the database URL, so that all
    /// servers of a database accept each other's cursors.
    ///
    /// A forged cursor is harmless: it can only select another page of what the API key may read.
    pub(crate) fn cursor_key(&self, database_url: &str) -> CursorKey {
        let (kind, text) = match &self.cursor_key {
            Some(key) => ("key", key.as_str()),
            None => ("url", database_url),
        };
        let mut digest = Sha256::new();
        for part in ["auditrail cursor key", kind, text] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        CursorKey::new(digest.finalize().into())
    }
}

fn log_filter(r: &mut Resolver<'_>, file: &ServerTable) -> Result<LogFilter, ConfigError> {
    let default = LogFilter(Targets::new().with_default(LevelFilter::INFO));
    r.setting("server.log", "AUDITRAIL_LOG", None, file.log.as_ref(), default)
}

fn log_format(r: &mut Resolver<'_>, file: &ServerTable) -> Result<LogFormat, ConfigError> {
    let given = file.log_format.as_ref();
    r.setting("server.log_format", LOG_FORMAT_VARIABLE, None, given, LogFormat::Auto)
}

fn config(r: &mut Resolver<'_>, file: &ServerTable) -> Result<ServerConfig, ConfigError> {
    let mut time = |key, env, file: &Option<Scalar>, default: Duration| {
        r.setting(key, env, None, file.as_ref(), default)
    };
    let write_timeout = time(
        "server.write_timeout",
        "AUDITRAIL_WRITE_TIMEOUT",
        &file.write_timeout,
        limits::WRITE_TIMEOUT,
    )?;
    let request_timeout = time(
        "server.request_timeout",
        "AUDITRAIL_REQUEST_TIMEOUT",
        &file.request_timeout,
        limits::REQUEST_TIMEOUT,
    )?;
    let shutdown_grace = time(
        "server.shutdown_grace",
        "AUDITRAIL_SHUTDOWN_GRACE",
        &file.shutdown_grace,
        limits::SHUTDOWN_GRACE,
    )?;
    let shutdown_delay = time(
        "server.shutdown_delay",
        "AUDITRAIL_SHUTDOWN_DELAY",
        &file.shutdown_delay,
        limits::SHUTDOWN_DELAY,
    )?;
    let cors = r.optional(
        "server.cors_origins",
        "AUDITRAIL_CORS_ORIGINS",
        None,
        file.cors_origins.as_ref(),
    )?;
    let bounds = client_bounds(r, file)?;
    let record_reads = r.setting(
        "server.record_reads",
        "AUDITRAIL_RECORD_READS",
        None,
        file.record_reads.as_ref(),
        false,
    )?;
    Ok(ServerConfig {
        budgets: budgets(r, file)?,
        write_timeout,
        request_timeout,
        shutdown_grace,
        shutdown_delay,
        cors: cors.map(|Origins { origins, .. }| CorsConfig::new(origins)),
        record_reads,
        ..bounds
    })
}

/// The settings of connections and rates of clients.
fn client_bounds(r: &mut Resolver<'_>, file: &ServerTable) -> Result<ServerConfig, ConfigError> {
    let mut count = |key, env, file: &Option<Scalar>, default| {
        r.setting(key, env, None, file.as_ref(), Count(default)).map(|count| count.0)
    };
    let connections_max = count(
        "server.connections_max",
        "AUDITRAIL_CONNECTIONS_MAX",
        &file.connections_max,
        u32::try_from(limits::CONNECTIONS_MAX).unwrap_or(u32::MAX),
    )?;
    let tails_max = count(
        "server.tails_max",
        "AUDITRAIL_TAILS_MAX",
        &file.tails_max,
        u32::try_from(limits::TAILS_MAX).unwrap_or(u32::MAX),
    )?;
    let export_min_rate = count(
        "server.export_min_rate",
        "AUDITRAIL_EXPORT_MIN_RATE",
        &file.export_min_rate,
        limits::EXPORT_MIN_RATE,
    )?;
    let unauthenticated_max = count(
        "server.unauthenticated_max",
        "AUDITRAIL_UNAUTHENTICATED_MAX",
        &file.unauthenticated_max,
        u32::try_from(limits::UNAUTHENTICATED_MAX).unwrap_or(u32::MAX),
    )?;
    let body_min_rate = count(
        "server.body_min_rate",
        "AUDITRAIL_BODY_MIN_RATE",
        &file.body_min_rate,
        limits::BODY_MIN_RATE,
    )?;
    let response_min_rate = count(
        "server.response_min_rate",
        "AUDITRAIL_RESPONSE_MIN_RATE",
        &file.response_min_rate,
        limits::RESPONSE_MIN_RATE,
    )?;
    Ok(ServerConfig {
        connections_max: usize::try_from(connections_max).unwrap_or(usize::MAX),
        unauthenticated_max: usize::try_from(unauthenticated_max).unwrap_or(usize::MAX),
        tails_max: usize::try_from(tails_max).unwrap_or(usize::MAX),
        body_min_rate,
        response_min_rate,
        export_min_rate,
        ..ServerConfig::default()
    })
}

fn budgets(r: &mut Resolver<'_>, file: &ServerTable) -> Result<RateBudgets, ConfigError> {
    let defaults = RateBudgets::default();
    let mut budget = |key, env, file: &Option<Scalar>, default| {
        r.setting(key, env, None, file.as_ref(), Limit(default)).map(|limit| limit.0)
    };
    Ok(RateBudgets {
        write: budget(
            "server.write_budget",
            "AUDITRAIL_WRITE_BUDGET",
            &file.write_budget,
            defaults.write,
        )?,
        query: budget(
            "server.query_budget",
            "AUDITRAIL_QUERY_BUDGET",
            &file.query_budget,
            defaults.query,
        )?,
        export: budget(
            "server.export_budget",
            "AUDITRAIL_EXPORT_BUDGET",
            &file.export_budget,
            defaults.export,
        )?,
    })
}

fn maintenance_database_url(
    r: &mut Resolver<'_>,
    file: &ServerTable,
) -> Result<Option<String>, ConfigError> {
    r.secret(&Secret {
        key: "server.maintenance_database_url",
        file_key: "server.maintenance_database_url_file",
        env: "AUDITRAIL_MAINTENANCE_DATABASE_URL",
        file_env: "AUDITRAIL_MAINTENANCE_DATABASE_URL_FILE",
        flag: None,
        file: file.maintenance_database_url.as_deref(),
        file_path: file.maintenance_database_url_file.as_deref(),
    })
}

fn cursor_key(r: &mut Resolver<'_>, file: &ServerTable) -> Result<Option<String>, ConfigError> {
    let key = r.secret(&Secret {
        key: "server.cursor_key",
        file_key: "server.cursor_key_file",
        env: "AUDITRAIL_CURSOR_KEY",
        file_env: "AUDITRAIL_CURSOR_KEY_FILE",
        flag: None,
        file: file.cursor_key.as_deref(),
        file_path: file.cursor_key_file.as_deref(),
    })?;
    match &key {
        Some(text) if text.chars().count() < CURSOR_KEY_MIN_CHARS => Err(ConfigError::Value {
            name: "server.cursor_key".into(),
            reason: format!("must have at least {CURSOR_KEY_MIN_CHARS} characters"),
        }),
        _ => Ok(key),
    }
}
