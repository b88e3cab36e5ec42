//! Being told to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often the program was told to end, by Ctrl-C or SIGTERM.
#[derive(Clone)]
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Counts from here on, until every clone is dropped.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub(super) fn listen() -> io::Result<Self> {
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

    /// Waits until it was told this often.
    pub(super) async fn told(mut self, times: u32) {
        if self.0.wait_for(|count| *count >= times).await.is_err() {
            // Nobody listens any more, so nobody will tell.
            std::future::pending::<()>().await;
        }
    }
}
