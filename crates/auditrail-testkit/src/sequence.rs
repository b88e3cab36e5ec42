//! Gives records their seq at once, for tests of what reads the sequence.

use auditrail_store::sequencer::{Sequencer, Step};

use crate::db::TestDb;

impl TestDb {
    /// Gives each committed record that has none a seq.
    ///
    /// # Panics
    /// If a step of the sequencer fails.
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
    }
}
