//! Shutdown signals: Ctrl-C (SIGINT) and SIGTERM.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Completes on the first Ctrl-C or SIGTERM.
pub(crate) async fn shutdown_signal() {
    let recv = async |kind| match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        // Without a handler the signal keeps its default action, which ends the process.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = recv(SignalKind::interrupt()) => {}
        () = recv(SignalKind::terminate()) => {}
    }
}

/// Disables the default action of Ctrl-C. Dropping the value does not restore it.
///
/// # Errors
/// When the handler cannot be installed.
///
/// # Panics
/// Outside a Tokio runtime.
pub(crate) fn ignore_interrupts() -> io::Result<Signal> {
    signal(SignalKind::interrupt())
}

/// Counts the shutdown signals of the process: the first one requests a graceful shutdown, the second
/// one an immediate stop.
#[derive(Clone)]
pub(crate) struct ShutdownSignals(watch::Receiver<u32>);

impl ShutdownSignals {
    /// Counts from now on, until every clone is dropped.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (count, receiver) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = count.closed() => return,
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(receiver))
    }

    /// Completes once `count` signals were received.
    pub(crate) async fn received(mut self, count: u32) {
        if self.0.wait_for(|received| *received >= count).await.is_err() {
            // The counting task ended with the runtime.
            std::future::pending::<()>().await;
        }
    }
}
