//! A sink in memory: what the layer gave to it, and what the test wants to become of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditrail_core::{CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use serde_json::Value;
use tokio::sync::watch;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Taken on at once.
    Taken,
    /// Not taken on.
    Refused,
    /// Waits until the test decides.
    Held,
}

/// A record as it was given to the sink.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) input: CreateInput,
    pub(crate) policy: Option<FailurePolicy>,
}

impl Given {
    /// A place in its metadata; null when there is nothing.
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

/// A record was not taken on.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nobody acknowledged the record in time")]
pub(crate) struct NotTaken;

/// A sink in memory. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct MemorySink {
    given: Arc<Mutex<Vec<Given>>>,
    count: watch::Sender<usize>,
    fate: watch::Sender<Fate>,
    spools: bool,
}

impl MemorySink {
    pub(crate) fn new() -> Self {
        Self {
            given: Arc::default(),
            count: watch::Sender::new(0),
            fate: watch::Sender::new(Fate::Taken),
            spools: true,
        }
    }

    pub(crate) fn without_spool() -> Self {
        Self { spools: false, ..Self::new() }
    }

    /// What becomes of records from now on, those that are held among them.
    pub(crate) fn decide(&self, fate: Fate) {
        self.fate.send_replace(fate);
    }

    /// What was given until now.
    pub(crate) fn given(&self) -> Vec<Given> {
        self.given.lock().unwrap().clone()
    }

    /// Waits for so many records, and then says that there are no more.
    pub(crate) async fn records(&self, count: usize) -> Vec<Given> {
        let mut counts = self.count.subscribe();
        let arrived = counts.wait_for(|seen| *seen >= count);
        tokio::time::timeout(PATIENCE, arrived).await.unwrap().unwrap();
        let given = self.given();
        assert_eq!(given.len(), count, "{given:#?}");
        given
    }

    pub(crate) async fn record(&self) -> Given {
        self.records(1).await.remove(0)
    }
}

impl RecordSink for MemorySink {
    type Error = NotTaken;

    fn submit(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, NotTaken>> + Send + 'static {
        let mut given = self.given.lock().unwrap();
        given.push(Given { input, policy });
        self.count.send_replace(given.len());
        let mut fate = self.fate.subscribe();
        async move {
            let decided = *fate.wait_for(|fate| *fate != Fate::Held).await.map_err(|_| NotTaken)?;
            if decided == Fate::Taken { Ok(DeliveryStatus::Acknowledged) } else { Err(NotTaken) }
        }
    }

    fn spools(&self) -> bool {
        self.spools
    }
}
