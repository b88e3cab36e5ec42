//! A record that was submitted and is not durable yet.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use auditrail_core::{CreateInput, FailurePolicy};
use tokio::runtime::Handle;

use super::shared::Shared;
use super::sink::SinkFuture;

/// Resolves when the sink has accepted or rejected a submitted record. A rejection is counted and logged.
///
/// If it is dropped earlier, a background task awaits the result, so that a rejection is still counted.
pub(crate) struct PendingDelivery {
    submission: Option<SinkFuture>,
    shared: Shared,
}

impl PendingDelivery {
    /// Submits a record to the sink. Returns a delivery to wait for only with [`FailurePolicy::Spool`], and
    /// only if the record is not durable at once.
    pub(crate) fn begin(
        shared: &Shared,
        input: CreateInput,
        policy: FailurePolicy,
    ) -> Option<Self> {
        shared.counters.recorded();
        let submission = Some(shared.sink.deliver(input, policy));
        let mut delivery = Self { submission, shared: shared.clone() };
        let pending = delivery.advance(&mut Context::from_waker(Waker::noop())).is_pending();
        // Without a spool, delivery takes as long as an outage of the audit log; responses do not wait for that.
        (pending && policy == FailurePolicy::Spool).then_some(delivery)
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(submission) = &mut self.submission {
            let result = ready!(submission.as_mut().poll(cx));
            self.submission = None;
            if let Err(error) = result {
                self.shared.lost(&error);
            }
        }
        Poll::Ready(())
    }
}

impl Future for PendingDelivery {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(cx)
    }
}

impl Drop for PendingDelivery {
    fn drop(&mut self) {
        // Without a runtime, the result is not observed.
        if let (Some(submission), Ok(runtime)) = (self.submission.take(), Handle::try_current()) {
            let shared = self.shared.clone();
            runtime.spawn(async move {
                if let Err(error) = submission.await {
                    shared.lost(&error);
                }
            });
        }
    }
}
