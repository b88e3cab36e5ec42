//! `serve`: the HTTP service.

mod connections;
mod descriptors;
mod json_lines;
pub(super) mod listeners;
mod log_writer;
pub(super) mod logging;
mod prepare;
mod supervise;

use std::time::Duration;

use auditrail_server::{
    App, Connections, GroupWrites, Operations, ServerConfig, StoredKeys, admin_router, limits,
    router, serve,
};
use auditrail_signer::Signer;
use auditrail_store::archive::ArchiveDir;
use auditrail_store::erasure::Eraser;
use auditrail_store::partitions::Maintenance;
use auditrail_store::sequencer::{Reconciler, Sequencer};
use auditrail_store::text_index::TextIndexer;
use auditrail_store::tree::{Checker, Sealer, SignerSession};
use auditrail_store::{GroupWriter, IssuedApiKey, RetentionRun, WriterLimits};
use serde::Serialize;
use tokio::sync::watch;

use super::key::CreatedDocument;
use crate::cli::{GlobalArgs, ServeArgs};
use crate::config::{ServerSettings, Settings};
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::signals::ShutdownSignals;
use connections::DatabaseConnections;
use descriptors::ConnectionLimits;
use listeners::Listeners;

/// How long closing the database connections may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The share of the time that merges of partitions take up: about a fifth of one core.
const MAINTENANCE_SHARE: f64 = 0.2;

/// Runs the service until a shutdown signal.
pub(super) fn run(cx: &Context, flags: &GlobalArgs, args: &ServeArgs) -> Result<Exit, Error> {
    let settings = Settings::server(flags, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::startup("cannot start the service"))?;
    let (traces, _flush) = {
        let _guard = runtime.enter();
        logging::start(&settings, cx.output)?
    };
    // Bound first, so that an address in use is reported before the database is started or migrated.
    let (listeners, signals) = runtime.block_on(async {
        let signals =
            ShutdownSignals::listen().map_err(Error::startup("cannot start the service"))?;
        Listeners::bind(&settings).await.map(|listeners| (listeners, signals))
    })?;
    let database = cx.open_database()?;
    let outcome = runtime.block_on(async {
        let second_signal = signals.clone().received(2);
        tokio::select! {
            outcome = service(cx, args, &settings, &database, listeners, signals) => outcome,
            () = second_signal => Err(Error::Interrupted),
        }
    });
    runtime.block_on(async {
        if let Some(traces) = traces {
            traces.close().await;
        }
    });
    // Tasks that are still running belong to an immediate stop, or exceeded the grace period.
    runtime.shutdown_background();
    let closed = database.close();
    outcome?;
    closed.map(|()| Exit::Success)
}

async fn service(
    cx: &Context,
    args: &ServeArgs,
    settings: &ServerSettings,
    database: &Database,
    listeners: Listeners,
    signals: ShutdownSignals,
) -> Result<(), Error> {
    tokio::select! {
        outcome = prepare::schema(cx, database, args.migrate) => outcome?,
        () = signals.clone().received(1) => return Err(Error::Interrupted),
    }
    let open_max = ConnectionLimits {
        public: settings.config.connections_max,
        admin: limits::ADMIN_CONNECTIONS_MAX,
    };
    let open_max = open_max.fit(DatabaseConnections::max(settings), cx.output);
    let config = &ServerConfig {
        connections_max: open_max.public,
        // Each has a connection, and others need some too.
        tails_max: settings.config.tails_max.min(open_max.public.div_ceil(2)),
        ..settings.config.clone()
    };
    let database_connections = DatabaseConnections::new(database, settings);
    let keys = database_connections.api_keys();
    let bootstrap_key =
        if database.is_private() { prepare::bootstrap_key(&keys).await? } else { None };
    let log = database_connections.log(settings.cursor_key(database.url()));
    let writer = GroupWriter::start(database.options().clone(), writer_limits(config));
    let writes = GroupWrites::new(writer.clone(), log.clone(), config.write_timeout);
    let outage = limits::KEY_OUTAGE_RETRY.min(config.request_timeout / 4);
    let authenticator = StoredKeys::with_outage_retry(keys, outage);
    let app = App::new(config.clone(), log, authenticator, writes);
    let operations = Operations::new(&app, Some(writer.clone()));
    let shutting_down = app.shutting_down().clone();
    let background = app.background().clone();
    app.start_background_tasks();
    if settings.sequencer {
        start_sequencing(&app, database, writer.commits());
        start_signer(cx, &app, settings, database).await?;
    }
    start_owner_tasks(&app, settings, database)?;
    if let Some(private) = database.private() {
        background.start(supervise::task(private, database_connections.keys.clone()));
    }
    announce(cx, &listeners, bootstrap_key.as_ref())?;
    drop(bootstrap_key);

    // The admin listener answers until the public service has stopped.
    let (stopped, admin_shutdown) = watch::channel(());
    let operators = Connections::new(open_max.admin, open_max.admin);
    let admin = admin_router(operations);
    let admin = serve(listeners.admin, admin, config, &operators, closed(admin_shutdown));
    let public = async move {
        let shutdown = async {
            signals.received(1).await;
            shutting_down.begin();
            shutting_down.begun(config.shutdown_delay).await;
        };
        let connections = app.connections().clone();
        let router = router(app);
        let graceful = serve(listeners.public, router, config, &connections, shutdown).await;
        tracing::info!("shutting down: draining accepted writes");
        let drained = writer.close(config.shutdown_grace).await;
        background.stop(config.shutdown_grace).await;
        // Connections of exports that were aborted may take long, and nothing depends on them.
        drop(tokio::time::timeout(CLOSE_TIMEOUT, database_connections.close()).await);
        drop(stopped);
        (graceful, drained)
    };
    let (_, (graceful, drained)) = tokio::join!(admin, public);
    drained.map_err(|unfinished| Error::failed("unfinished_writes", unfinished.to_string()))?;
    if graceful {
        tracing::info!("stopped");
    } else {
        cx.output.warn("the shutdown grace period expired; open requests were aborted");
    }
    Ok(())
}

/// Starts the sequencer and what follows the sequence.
fn start_sequencing(app: &App, database: &Database, commits: watch::Receiver<u64>) {
    let (sequencing, background) = (app.sequencing(), app.background());
    let options = database.options();
    let reconciler = Reconciler::new(options);
    sequencing.start(background, Sequencer::new(options), reconciler, Some(commits));
    sequencing.start_sealer(background, Sealer::new(options));
    let apart = limits::CHECKER_PASSES_APART;
    sequencing.start_checker(background, Checker::new(options), apart);
    sequencing.start_text_index(background, TextIndexer::new(options));
}

/// Starts the signer of checkpoints, if there is a key.
async fn start_signer(
    cx: &Context,
    app: &App,
    settings: &ServerSettings,
    database: &Database,
) -> Result<(), Error> {
    if let Some(path) = prepare::signing_key(cx, settings, database).await? {
        let session = SignerSession::new(database.options());
        app.sequencing().start_signer(app.background(), Signer::new(&path), session);
    }
    Ok(())
}

/// Starts the tasks that need the owner of the log.
fn start_owner_tasks(
    app: &App,
    settings: &ServerSettings,
    database: &Database,
) -> Result<(), Error> {
    let options = database.owner_options(settings.maintenance_database_url.as_deref())?;
    app.allow_erasure(Eraser::new(options.clone()));
    let maintenance = Maintenance::new(options.clone()).with_share(MAINTENANCE_SHARE);
    app.start_partition_maintenance(maintenance);
    if settings.retention.is_enabled {
        if let Some(Err(error)) = settings.retention.archive_dir.as_deref().map(ArchiveDir::open) {
            // It may be mounted later; each run opens it anew.
            tracing::warn!(%error, "expired records stay until the archive directory can be opened");
        }
        app.start_retention(RetentionRun::new(options), settings.retention.archive_dir.clone());
    }
    Ok(())
}

/// Caps the writer's timeouts at the write timeout of a request: a statement that outlives its
/// callers would only delay other writes.
fn writer_limits(config: &ServerConfig) -> WriterLimits {
    let defaults = WriterLimits::default();
    WriterLimits {
        statement_timeout: defaults.statement_timeout.min(config.write_timeout),
        lock_timeout: defaults.lock_timeout.min(config.write_timeout),
        ..defaults
    }
}

/// Completes when the sender is dropped.
async fn closed(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}

/// The JSON document on stdout once the service accepts requests.
#[derive(Serialize)]
struct ReadyDocument<'a> {
    listen: String,
    admin_listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_key: Option<CreatedDocument<'a>>,
}

/// Prints the addresses, and the bootstrap key if one was created.
fn announce(
    cx: &Context,
    listeners: &Listeners,
    bootstrap_key: Option<&IssuedApiKey>,
) -> Result<(), Error> {
    let listen = format!("http://{}", listeners.public_address);
    let admin_listen = format!("http://{}", listeners.admin_address);
    if cx.output.json {
        let first_key =
            bootstrap_key.map(|issued| CreatedDocument::new(&issued.key, issued.secret.expose()));
        return cx.output.document(&ReadyDocument { listen, admin_listen, first_key });
    }
    if let Some(IssuedApiKey { key, secret }) = bootstrap_key {
        cx.output.note(&format!("created the first API key, {} (scopes: {})", key.id, key.scopes));
        cx.output.line(secret.expose())?;
        cx.output.warn("this key is shown only once; store it where only its client can read it");
    }
    cx.output.note(&format!(
        "listening on {listen} (API description on {admin_listen}/docs, health and metrics on {admin_listen})"
    ));
    Ok(())
}
