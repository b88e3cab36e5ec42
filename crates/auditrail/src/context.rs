//! The settings, output and runtime that every command uses.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::Signal;
use tokio::sync::oneshot;

use crate::cli::GlobalArgs;
use crate::config::Settings;
use crate::database::Database;
use crate::error::Error;
use crate::output::Output;
use crate::signals::{self, shutdown_signal};

/// How long after the failure of a child process a signal that ended both may arrive here.
const SIGNAL_DELAY: Duration = Duration::from_millis(50);

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

    /// Opens the database; the first shutdown signal interrupts it.
    ///
    /// Starting the private PostgreSQL blocks, so a thread of its own does it. The terminal sends Ctrl-C to
    /// `initdb` as well, whose failure is then not worth reporting.
    pub(crate) fn open_database(&self) -> Result<Database, Error> {
        let (sender, receiver) = oneshot::channel();
        let (settings, output) = (self.settings.clone(), self.output);
        let open = move || drop(sender.send(Database::open(&settings, output)));
        std::thread::Builder::new()
            .name("open database".to_owned())
            .spawn(open)
            .map_err(Error::startup("cannot start a thread"))?;
        self.runtime.block_on(async {
            let mut signal = pin!(shutdown_signal());
            let opened = tokio::select! {
                opened = receiver => opened,
                () = &mut signal => return Err(Error::Interrupted),
            };
            let opened = opened.unwrap_or_else(|_| {
                Err(Error::failed("thread", "the thread that opens the database panicked"))
            });
            match opened {
                Err(Error::PrivatePostgres(error)) => {
                    let interrupted = tokio::time::timeout(SIGNAL_DELAY, signal).await.is_ok();
                    Err(if interrupted { Error::Interrupted } else { error.into() })
                }
                opened => opened,
            }
        })
    }

    /// Opens the database, runs `work` with it, and closes it whether `work` succeeds or not.
    pub(crate) fn with_database<T>(
        &self,
        work: impl AsyncFnOnce(&Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = self.open_database()?;
        let outcome = self.block_on(work(&database));
        let closed = database.close();
        // An error of `work` takes precedence over an error of closing.
        let value = outcome?;
        closed.map(|()| value)
    }
}
