//! The settings, output and runtime that every command uses.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::Signal;

use crate::cli::GlobalArgs;
use crate::config::Settings;
use crate::database::Database;
use crate::error::Error;
use crate::output::Output;
use crate::signals::{self, shutdown_signal};

/// The environment of a command.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    runtime: Runtime,
}

impl Context {
    /// Resolves the settings and starts the runtime.
    pub(crate) fn new(flags: &GlobalArgs, output: Output) -> Result<Self, Error> {
        // One thread can wait for the network while another works; commands use few connections.
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(Error::startup("cannot start the async runtime"))?;
        Ok(Self { settings: Settings::resolve(flags)?, output, runtime })
    }

    /// Runs a future to completion, or until the first shutdown signal.
    ///
    /// An interrupted future is dropped: PostgreSQL rolls its transaction back, and the caller still
    /// gets to release the private PostgreSQL.
    pub(crate) fn block_on<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = work => outcome,
                () = shutdown_signal() => Err(Error::Interrupted),
            }
        })
    }

    /// Keeps Ctrl-C from ending this process, from now on.
    pub(crate) fn ignore_interrupts(&self) -> Result<Signal, Error> {
        let _guard = self.runtime.enter();
        signals::ignore_interrupts().map_err(|source| Error::Failed {
            code: "signal",
            detail: "cannot install the signal handler for Ctrl-C".to_owned(),
            source: Some(source.into()),
            hint: None,
        })
    }

    /// Opens the database, runs `work` with it, and closes it whether `work` succeeds or not.
    pub(crate) fn with_database<T>(
        &self,
        work: impl AsyncFnOnce(&Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = Database::open(&self.settings, self.output)?;
        let outcome = self.block_on(work(&database));
        let closed = database.close();
        // An error of `work` takes precedence over an error of closing.
        let value = outcome?;
        closed.map(|()| value)
    }
}
