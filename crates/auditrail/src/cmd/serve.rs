//! `serve`: the HTTP service.

mod first_key;
mod json_lines;
mod listeners;
mod log_writer;
mod logging;
mod revive;
mod schema;
mod signals;

use auditrail_server::background::{Schedule, from_fn};
use auditrail_server::{
    App, GroupWrites, Operations, ServerConfig, StoredKeys, admin_router, limits, router, serve,
};
use auditrail_store::{GroupWriter, IssuedKey, PgAuditLog, PgKeys, WriterLimits};
use serde::Serialize;
use tokio::sync::watch;

use super::Context;
use super::key::CreatedDocument;
use crate::cli::{GlobalArgs, ServeArgs};
use crate::config::{ServerSettings, Settings};
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use listeners::Listeners;
use signals::Signals;

/// Connections to ask whose a key is: one statement answers many requests.
const KEY_CONNECTIONS: u32 = 2;

/// Runs the service until it is told to end.
pub(super) fn run(cx: &Context, flags: &GlobalArgs, args: &ServeArgs) -> Result<Exit, Error> {
    let settings = Settings::server(flags, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(could_not_start)?;
    let (traces, _flush) = {
        let _inside = runtime.enter();
        logging::start(&settings, cx.output)?
    };
    // First, so that an address in use is told before anything is started or changed.
    let (listeners, signals) = runtime.block_on(async {
        let signals = Signals::listen().map_err(could_not_start)?;
        Listeners::bind(&settings).await.map(|listeners| (listeners, signals))
    })?;
    let database = Database::open(cx)?;
    let outcome = runtime.block_on(async {
        let twice = signals.clone().told(2);
        tokio::select! {
            outcome = service(cx, args, &settings, &database, listeners, signals) => outcome,
            // Somebody does not want to wait.
            () = twice => Err(Error::Interrupted),
        }
    });
    runtime.block_on(async {
        if let Some(traces) = traces {
            traces.close().await;
        }
    });
    // Whatever still runs has been waited for, or was told to end at once.
    runtime.shutdown_background();
    let closed = database.close();
    outcome?;
    closed.map(|()| Exit::Done)
}

fn could_not_start(source: std::io::Error) -> Error {
    Error::Failed {
        code: "runtime",
        detail: "could not start".to_owned(),
        source: Some(source.into()),
        hint: None,
    }
}

async fn service(
    cx: &Context,
    args: &ServeArgs,
    settings: &ServerSettings,
    database: &Database,
    listeners: Listeners,
    signals: Signals,
) -> Result<(), Error> {
    tokio::select! {
        outcome = schema::prepare(cx, database, args.migrate) => outcome?,
        () = signals.clone().told(1) => return Err(Error::Interrupted),
    }
    let config = &settings.config;
    let pool = database.service_pool(settings.database_connections, config.request_timeout);
    // Apart from the others, so that exports that take all of those keep nobody out.
    let key_sessions = database.service_sessions(KEY_CONNECTIONS, limits::KEY_CHECK_TIMEOUT);
    let keys = PgKeys::new(pool.clone()).with_sessions(key_sessions.clone());
    let sessions = database.service_sessions(settings.database_connections, config.request_timeout);
    let first_key = match database.is_private() {
        true => first_key::make(&keys).await?,
        false => None,
    };
    let log = PgAuditLog::new(pool.clone(), settings.cursor_key(database.url()))
        .with_sessions(sessions.clone());
    let writer = GroupWriter::start(database.options().clone(), writer_limits(config));
    let writes = GroupWrites::new(writer.clone(), log.clone(), config.write_timeout);
    let outage = limits::KEY_OUTAGE_RETRY.min(config.request_timeout / 4);
    let checked = StoredKeys::with_outage_retry(keys, outage);
    let app = App::new(config.clone(), log, checked, writes);
    let operations = Operations::new(&app, Some(writer.clone()));
    let stopping = app.shutting_down().clone();
    let background = app.background().clone();
    app.start_background_tasks();
    if let Some(private) = database.private() {
        let pool = pool.clone();
        background.start(from_fn("private_postgres", Schedule::Once, move || {
            let supervision = revive::keep_up(private.clone(), pool.clone());
            async move {
                supervision.await;
                Ok(())
            }
        }));
    }
    tell(cx, &listeners, first_key.as_ref())?;
    drop(first_key);

    let (ended, admin_end) = watch::channel(());
    let admin = serve(listeners.admin, admin_router(operations), config, gone(admin_end));
    let public = async move {
        let told = async {
            signals.told(1).await;
            stopping.begin();
            stopping.begun(config.shutdown_delay).await;
        };
        let in_order = serve(listeners.public, router(app), config, told).await;
        tracing::info!("shutting down: draining accepted writes");
        let written = writer.close(config.shutdown_grace).await;
        background.stop(config.shutdown_grace).await;
        tokio::join!(pool.close(), sessions.close(), key_sessions.close());
        drop(ended);
        (in_order, written)
    };
    let (_, (in_order, written)) = tokio::join!(admin, public);
    written.map_err(|unfinished| Error::failed("unfinished_writes", unfinished.to_string()))?;
    match in_order {
        true => tracing::info!("ended"),
        false => cx.output.warn("requests that took too long to end were cut off"),
    }
    Ok(())
}

/// A statement for callers who are all gone by then would only hold up others.
fn writer_limits(config: &ServerConfig) -> WriterLimits {
    let defaults = WriterLimits::default();
    WriterLimits {
        statement_timeout: defaults.statement_timeout.min(config.write_timeout),
        lock_timeout: defaults.lock_timeout.min(config.write_timeout),
        ..defaults
    }
}

/// Waits until the other end of a channel is gone.
async fn gone(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}

/// What is told once the service answers.
#[derive(Serialize)]
struct Ready<'a> {
    listen: String,
    admin_listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_key: Option<CreatedDocument<'a>>,
}

fn tell(cx: &Context, listeners: &Listeners, first_key: Option<&IssuedKey>) -> Result<(), Error> {
    let [listen, admin_listen] =
        [listeners.address, listeners.admin_address].map(|address| format!("http://{address}"));
    if cx.output.json {
        let first_key = first_key.map(|made| CreatedDocument::new(&made.key, made.secret.expose()));
        return cx.output.document(&Ready { listen, admin_listen, first_key });
    }
    if let Some(IssuedKey { key, secret }) = first_key {
        cx.output.note(&format!("made the first key, {}, which may {}", key.id, key.scopes));
        cx.output.line(secret.expose())?;
        cx.output.warn("this key is not shown again; keep it where only its program can read it");
    }
    cx.output.note(&format!("serving on {listen} (health and metrics on {admin_listen})"));
    Ok(())
}
