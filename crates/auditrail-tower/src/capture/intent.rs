//! Writing the intent before a request is handled.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use auditrail_core::FailurePolicy;
use tokio::runtime::Handle;
use tower::BoxError;

use super::exchange::Exchange;
use super::shared::Taking;

/// The intent while it is written. Gives the exchange back, or nothing when the request is refused.
///
/// Dropped before that, the caller went away. What became of the intent is then waited for without it,
/// so that the record of how the request ended names an intent that is there.
pub(crate) struct Intending {
    writing: Option<(Taking, Box<Exchange>)>,
    runtime: Option<Handle>,
}

impl Intending {
    pub(crate) fn new(mut exchange: Box<Exchange>) -> Self {
        let taking: Taking = match exchange.make_intent() {
            Some(input) => {
                let shared = exchange.shared();
                shared.counters.recorded();
                shared.sink.take_on(input, FailurePolicy::Must)
            }
            None => Box::pin(async {
                Err(BoxError::from("the operating system gave no random bytes for an id"))
            }),
        };
        Self { writing: Some((taking, exchange)), runtime: Handle::try_current().ok() }
    }
}

impl Future for Intending {
    type Output = Option<Box<Exchange>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((taking, _)) = &mut self.writing else {
            return Poll::Ready(None);
        };
        let written = ready!(taking.as_mut().poll(cx));
        let exchange = self.writing.take().map(|(_, exchange)| exchange);
        Poll::Ready(match (written, exchange) {
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

impl Drop for Intending {
    fn drop(&mut self) {
        let Some((taking, mut exchange)) = self.writing.take() else {
            return;
        };
        // Without a runtime nothing can wait. The exchange is dropped here, and its record names an
        // intent that most likely is written.
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                if let Err(error) = taking.await {
                    exchange.shared().refused(&error);
                    exchange.without_intent();
                }
            });
        }
    }
}
