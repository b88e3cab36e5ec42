//! Recording the intent before a request is handled.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use auditrail_core::FailurePolicy;
use tokio::runtime::Handle;
use tower::BoxError;

use super::exchange::Exchange;
use crate::capture::deliver::sink::SinkFuture;

/// Resolves to the exchange once the intent is recorded, or to `None` if the request is rejected.
///
/// If it is dropped earlier, the caller disconnected. A background task then awaits the intent, so that the
/// outcome only names an intent that exists.
pub(crate) struct IntentWrite {
    writing: Option<(SinkFuture, Box<Exchange>)>,
    runtime: Option<Handle>,
}

impl IntentWrite {
    pub(crate) fn new(mut exchange: Box<Exchange>) -> Self {
        let submission: SinkFuture = match exchange.build_intent() {
            Some(input) => {
                let shared = exchange.shared();
                shared.counters.recorded();
                shared.sink.deliver(input, FailurePolicy::Must)
            }
            None => Box::pin(async {
                Err(BoxError::from("the operating system provided no random bytes for a record id"))
            }),
        };
        Self { writing: Some((submission, exchange)), runtime: Handle::try_current().ok() }
    }
}

impl Future for IntentWrite {
    type Output = Option<Box<Exchange>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((submission, _)) = &mut self.writing else {
            return Poll::Ready(None);
        };
        let result = ready!(submission.as_mut().poll(cx));
        let exchange = self.writing.take().map(|(_, exchange)| exchange);
        Poll::Ready(match (result, exchange) {
            (Ok(()), exchange) => exchange,
            (Err(error), Some(mut exchange)) => {
                exchange.shared().refused(&error);
                exchange.refuse();
                None
            }
            (Err(_), None) => None,
        })
    }
}

impl Drop for IntentWrite {
    fn drop(&mut self) {
        let Some((submission, mut exchange)) = self.writing.take() else {
            return;
        };
        // Without a runtime, the result cannot be awaited: the exchange is dropped here, and its record names
        // an intent that is probably recorded.
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                if let Err(error) = submission.await {
                    exchange.shared().refused(&error);
                    exchange.clear_intent();
                }
            });
        }
    }
}
