//! Gives records their seq at once, seals them and indexes their words, for tests of what reads them.

use auditrail_store::sequencer::{Sequencer, Step};
use auditrail_store::text_index::{TextIndexStep, TextIndexer};
use auditrail_store::tree::{SealStep, Sealer};

use crate::db::TestDb;

impl TestDb {
    /// Gives each committed record that has none a seq, and seals it.
    ///
    /// # Panics
    /// If a step fails, or another session holds the lock of the tree.
    pub async fn sequence(&self) {
        let mut sequencer = Sequencer::new(&self.service());
        loop {
            let step = sequencer.step().await;
            let step = step.unwrap_or_else(|e| panic!("cannot sequence the records: {e}"));
            if let Step::Advanced(advance) = step
                && advance.is_complete
                && !advance.is_recovery
            {
                break;
            }
        }
        sequencer.close().await;
        self.seal().await;
    }

    /// Adds an entry to the transparency log for each record with a seq that has none.
    ///
    /// # Panics
    /// If a step fails, or another session holds the lock of the tree.
    pub async fn seal(&self) {
        let mut sealer = Sealer::new(&self.service());
        loop {
            let step = sealer.step().await;
            match step.unwrap_or_else(|e| panic!("cannot seal the records: {e}")) {
                SealStep::Advanced { .. } => {}
                SealStep::Waiting => break,
                SealStep::Locked => panic!("another session holds the lock"),
            }
        }
        sealer.close().await;
    }

    /// Indexes the words of sequenced records, and returns how many were indexed. Fewer than 256 are left.
    ///
    /// # Panics
    /// If a step fails, or another session holds the lock of the index.
    pub async fn index_words(&self) -> u64 {
        let mut indexer = TextIndexer::new(&self.service());
        let mut indexed = 0;
        loop {
            let step = indexer.step().await;
            match step.unwrap_or_else(|e| panic!("cannot index words: {e}")) {
                TextIndexStep::Advanced { entries, .. } => indexed += entries,
                TextIndexStep::Waiting => break,
                TextIndexStep::Locked => panic!("another session holds the lock"),
            }
        }
        indexer.close().await;
        indexed
    }
}
