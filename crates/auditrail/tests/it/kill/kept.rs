//! Checkpoints that were handed out, as a verifier keeps them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auditrail_evidence::ConsistencyDocument;
use auditrail_testkit::http::Call;
use tlog::{Checkpoint, Policy, SignedNote, consistency};
use tokio::task::JoinHandle;

use crate::kill::victim::Stage;
use crate::signing::get;

/// Every checkpoint that was seen, by its size.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<u64, Checkpoint>);

impl Kept {
    /// Adds a note, which the policy must accept, and which must not contradict one of the same size.
    pub(super) fn add(&mut self, policy: &Policy, note: &str) {
        let note = SignedNote::parse(note.as_bytes()).unwrap();
        let checkpoint = policy.verify(&note).unwrap().checkpoint;
        let size = checkpoint.size();
        let known = self.0.entry(size).or_insert_with(|| checkpoint.clone());
        assert_eq!(known.root(), checkpoint.root(), "two roots were signed for the size {size}");
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn last(&self) -> &Checkpoint {
        self.0.last_key_value().unwrap().1
    }

    /// Proves that the last checkpoint continues each of those from this size on.
    pub(super) async fn assert_consistent(&self, stage: &Stage, from: u64) {
        let last = self.last();
        let (to, root) = (last.size(), last.root());
        for (size, earlier) in self.0.range(from..) {
            let path = format!("/v1/log/consistency?from={size}&to={to}");
            let answer = get(stage.service(), stage.key(), &path).await;
            assert_eq!(answer.status.as_u16(), 200, "a signed state was lost: {answer:?}");
            let document = ConsistencyDocument::parse(&answer.body).unwrap();
            let verified = consistency::verify(&document.hashes, *size, earlier.root(), to, root);
            verified.unwrap_or_else(|error| panic!("{size} and {to}: {error}"));
        }
    }
}

/// Reads checkpoints all the time.
pub(super) struct Watch {
    task: JoinHandle<Vec<String>>,
    ends: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn start(address: SocketAddr, key: &str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (key, flag) = (key.to_owned(), Arc::clone(&ends));
        let task = tokio::spawn(async move {
            let mut notes: Vec<String> = Vec::new();
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            while !flag.load(Ordering::Relaxed) {
                ticks.tick().await;
                let call = Call::new(address, "GET", "/v1/log/checkpoint").key(&key);
                let Ok(answer) = call.try_send().await else { continue };
                if answer.status.as_u16() == 200 {
                    let note = crate::signing::text(&answer);
                    if notes.last() != Some(&note) {
                        notes.push(note);
                    }
                }
            }
            notes
        });
        Self { task, ends }
    }

    /// The notes, in the order in which they came.
    pub(super) async fn stop(self) -> Vec<String> {
        self.ends.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}
