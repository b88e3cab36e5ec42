//! The sink of a layer, without its type.

use std::pin::Pin;

use auditrail_core::{CreateInput, FailurePolicy, RecordSink};
use tower::BoxError;

/// Resolves when the sink has accepted or rejected a record.
pub(crate) type SinkFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// A type-erased [`RecordSink`].
pub(crate) trait Sink: Send + Sync {
    fn deliver(&self, input: CreateInput, policy: FailurePolicy) -> SinkFuture;
    fn has_spool(&self) -> bool;
}

impl<S: RecordSink> Sink for S {
    fn deliver(&self, input: CreateInput, policy: FailurePolicy) -> SinkFuture {
        let submission = self.submit(input, Some(policy));
        Box::pin(async move { submission.await.map(drop).map_err(BoxError::from) })
    }

    fn has_spool(&self) -> bool {
        self.spools()
    }
}
