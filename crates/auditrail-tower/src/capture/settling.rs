//! A record that was handed over and is not settled yet.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use auditrail_core::{CreateInput, FailurePolicy};
use tokio::runtime::Handle;

use super::shared::{Shared, Taking};

/// A record of an answer that the sink took on, until it is durable. What the sink could not take on is
/// counted.
///
/// Dropped before that, it is waited for in the background: the sink has the record all the same, and
/// only what becomes of it is still to be counted.
pub(crate) struct Settling {
    taking: Option<Taking>,
    shared: Shared,
}

impl Settling {
    /// Gives a record to the sink. With [`FailurePolicy::Spool`] there is something to wait for, unless it
    /// is settled at once.
    pub(crate) fn begin(
        shared: &Shared,
        input: CreateInput,
        policy: FailurePolicy,
    ) -> Option<Self> {
        shared.counters.recorded();
        let taking = Some(shared.sink.take_on(input, policy));
        let mut settling = Self { taking, shared: shared.clone() };
        let pending = settling.advance(&mut Context::from_waker(Waker::noop())).is_pending();
        // Without a disk a record may take as long as the audit log is away, and no answer waits for that.
        (pending && policy == FailurePolicy::Spool).then_some(settling)
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(taking) = &mut self.taking {
            let taken = ready!(taking.as_mut().poll(cx));
            self.taking = None;
            if let Err(error) = taken {
                self.shared.lost(&error);
            }
        }
        Poll::Ready(())
    }
}

impl Future for Settling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(cx)
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        // Without a runtime nobody sees the end of it.
        if let (Some(taking), Ok(runtime)) = (self.taking.take(), Handle::try_current()) {
            let shared = self.shared.clone();
            runtime.spawn(async move {
                if let Err(error) = taking.await {
                    shared.lost(&error);
                }
            });
        }
    }
}
