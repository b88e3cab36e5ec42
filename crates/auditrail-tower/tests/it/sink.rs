//! A sink in memory that records submissions and applies the verdict of the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditrail_core::{CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use serde_json::Value;
use tokio::sync::watch;

/// Timeout of tests.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How the sink responds to submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Accepts at once.
    Accept,
    /// Rejects.
    Reject,
    /// Waits for another verdict.
    Hold,
}

/// A submitted record.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) input: CreateInput,
    pub(crate) policy: Option<FailurePolicy>,
}

impl Submission {
    /// A value of the metadata; null if absent.
    pub(crate) fn meta(&self, pointer: &str) -> Value {
        self.metadata().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn metadata(&self) -> Value {
        serde_json::from_str(self.input.metadata_text()).unwrap()
    }

    pub(crate) fn outcome(&self) -> String {
        self.meta("/outcome").as_str().unwrap_or("none").to_owned()
    }
}

/// The record was rejected.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the record was not acknowledged in time")]
pub(crate) struct Rejected;

/// A sink in memory. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct MemorySink {
    submissions: Arc<Mutex<Vec<Submission>>>,
    count: watch::Sender<usize>,
    fate: watch::Sender<Verdict>,
    spools: bool,
}

impl MemorySink {
    pub(crate) fn new() -> Self {
        Self {
            submissions: Arc::default(),
            count: watch::Sender::new(0),
            fate: watch::Sender::new(Verdict::Accept),
            spools: true,
        }
    }

    pub(crate) fn without_spool() -> Self {
        Self { spools: false, ..Self::new() }
    }

    /// Sets the verdict for further and for held records.
    pub(crate) fn set_verdict(&self, fate: Verdict) {
        self.fate.send_replace(fate);
    }

    /// The submissions so far.
    pub(crate) fn submissions(&self) -> Vec<Submission> {
        self.submissions.lock().unwrap().clone()
    }

    /// Waits for a number of submissions, and asserts that there are no more.
    pub(crate) async fn records(&self, count: usize) -> Vec<Submission> {
        let mut counts = self.count.subscribe();
        let arrived = counts.wait_for(|seen| *seen >= count);
        tokio::time::timeout(TIMEOUT, arrived).await.unwrap().unwrap();
        let submissions = self.submissions();
        assert_eq!(submissions.len(), count, "{submissions:#?}");
        submissions
    }

    pub(crate) async fn record(&self) -> Submission {
        self.records(1).await.remove(0)
    }
}

impl RecordSink for MemorySink {
    type Error = Rejected;

    fn submit(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, Rejected>> + Send + 'static {
        let mut submissions = self.submissions.lock().unwrap();
        submissions.push(Submission { input, policy });
        self.count.send_replace(submissions.len());
        let mut fate = self.fate.subscribe();
        async move {
            let decided =
                *fate.wait_for(|fate| *fate != Verdict::Hold).await.map_err(|_| Rejected)?;
            if decided == Verdict::Accept {
                Ok(DeliveryStatus::Acknowledged)
            } else {
                Err(Rejected)
            }
        }
    }

    fn spools(&self) -> bool {
        self.spools
    }
}
