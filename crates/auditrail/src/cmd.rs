//! The commands: a file each.

mod completions;
mod config;
mod db;
mod export;
mod filters;
mod flags;
mod import;
mod key;
mod log;
mod man;
mod migrate;
mod query;
mod record_view;
mod serve;

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Command, GlobalArgs};
use crate::config::Settings;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

/// What every command works with.
pub(crate) struct Context {
    /// The settings.
    pub(crate) settings: Settings,
    /// How to print.
    pub(crate) output: Output,
    runtime: Runtime,
}

impl Context {
    /// Resolves the settings.
    pub(crate) fn new(flags: &GlobalArgs, output: Output) -> Result<Self, Error> {
        // One thread waits for the network while another works; there are few connections.
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(
            |source| Error::Failed {
                code: "runtime",
                detail: "cannot start the async runtime".to_owned(),
                source: Some(source.into()),
                hint: None,
            },
        )?;
        Ok(Self { settings: Settings::resolve(flags)?, output, runtime })
    }

    /// Runs a future until it is done or the program is told to end.
    ///
    /// An interrupted one is dropped: its transaction is rolled back by the server, and what holds
    /// the private PostgreSQL gets to let go of it.
    pub(crate) fn block_on<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = work => outcome,
                () = told_to_end() => Err(Error::Interrupted),
            }
        })
    }

    /// Keeps Ctrl-C from ending this program for as long as the value lives, and after: what was
    /// listened to once is not given back.
    pub(crate) fn ignore_interrupts(&self) -> Result<tokio::signal::unix::Signal, Error> {
        let _guard = self.runtime.enter();
        signal(SignalKind::interrupt()).map_err(|source| Error::Failed {
            code: "signal",
            detail: "cannot install the signal handler for Ctrl-C".to_owned(),
            source: Some(source.into()),
            hint: None,
        })
    }

    /// Runs `work` with the database, and lets go of it whatever came out.
    pub(crate) fn with_database<T>(
        &self,
        work: impl AsyncFnOnce(&Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = Database::open(self)?;
        let outcome = self.block_on(work(&database));
        let closed = database.close();
        // The outcome matters more than a server that was slow to stop.
        let value = outcome?;
        closed.map(|()| value)
    }
}

/// Runs a command.
pub(crate) fn run(cx: &Context, flags: &GlobalArgs, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Serve(args) => serve::run(cx, flags, args),
        Command::Migrate(args) => migrate::run(cx, args),
        Command::Log(args) => log::run(cx, args),
        Command::Query(args) => query::run(cx, args),
        Command::Export(args) => export::run(cx, args),
        Command::Import(args) => import::run(cx, args),
        Command::Key(command) => key::run(cx, command),
        Command::Db(command) => db::run(cx, command),
        Command::Config(command) => config::run(cx, flags, command),
        Command::Completions(args) => completions::run(cx, args),
        Command::Man(args) => man::run(cx, args),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn told_to_end() {
    let listen = |kind| signal(kind).ok();
    let (interrupt, terminate) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    let wait = async |signals: Option<tokio::signal::unix::Signal>| match signals {
        Some(mut signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    };
    tokio::select! {
        () = wait(interrupt) => {}
        () = wait(terminate) => {}
    }
}
