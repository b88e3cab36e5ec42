//! The transparency log: its entries and their tree, which follow the sequence, and what is read of them.
//!
//! The [`Sealer`] adds an entry for each record that has a seq. A *step* is a transaction: it locks the state, reads the
//! records of the next entries, adds entries, record keys and hashes, and advances the state. The lock elects one of
//! several servers, and a crash at any moment repeats and loses nothing. Record keys are random, so a step that is
//! repeated makes other entries; nothing of the first one was seen.
//!
//! It is not part of the transaction that assigns the seq: readers of the feed do not wait for hashes, records that had a
//! seq before migration 026 need no other code than new ones, and the sealer yields to busy writers. Until a record is
//! sealed, a change of it is not detected; [`Sealer::look`] says how many records that is about.
//!
//! A record that has left before it was sealed gets an entry without content. Retention removes sealed records only, so
//! that happens to records from before migration 026; for others [`SealStep::Advanced`] counts it, since their content was
//! removed by other means.
//!
//! `records` reads the fields and makes the entries, `growth` has the rows of a step, `restore` the right edge of the
//! tree, `stored` the form of entries in a bundle. `rows` reads bundles and tiles, `read` what the log serves, `proof` and
//! `seq` prove a record, `evidence` has the records of a pack. The [`SignerSession`] is for a signer of checkpoints. The
//! [`Checker`] compares the records with the log.

mod checker;
mod evidence;
mod growth;
pub(crate) mod kept;
mod position;
mod proof;
mod read;
pub(crate) mod records;
mod restore;
pub(crate) mod rows;
mod sealer;
mod seq;
mod signing;
mod stored;

pub use checker::{Checked, Checker, Finding};
pub use evidence::EvidenceLeaf;
pub use proof::ProofOutcome;
pub use sealer::{STEP_ENTRIES, SealStep, Sealer, TreeLook};
pub use signing::{SignerSession, TreeHeads};
