//! Evidence packs: many records of a log, with all that is needed to verify them together, in a ZIP file.
//!
//! A pack is verified without the database and without a network, under the policy of the person who verifies it. Its
//! files, in this order:
//!
//! - `policy`: the policy under which the pack was made (<https://c2sp.org/tlog-policy>). Informative: a verifier uses its
//!   own.
//! - `checkpoint`: a signed note (<https://c2sp.org/tlog-checkpoint>). Everything else is verified under its root.
//! - `auditrail_verify.py`: a verifier in Python. Not verified; use a copy from a source that you trust.
//! - `records.ndjson`: one line for each record, in the order of their seq. All members of a line are there, and no other:
//!
//!   ```json
//!   {"seq":7,"id":"…","created_at":"…","fields":{"actor_id":{"value":"ana","salt":"…"},"metadata":{"withheld":"…"}}}
//!   ```
//!
//!   `id`, `created_at` and `fields` are those of the proof of a record ([`RecordProof`](crate::RecordProof)), with every
//!   field. A record that had left when the pack was made has only its entry ([`LogEntry`](crate::LogEntry)), in Base64:
//!
//!   ```json
//!   {"seq":8,"left":"…"}
//!   ```
//! - `hashes`: hashes of the tree (RFC 6962), 32 bytes each, from the left to the right: the hash of the leaf of each
//!   line, and before it, if there are leaves between it and the previous line (or leaf 0), the hashes of the fewest
//!   perfect subtrees that have exactly these leaves. After the last line follow those of the leaves up to the size of the
//!   checkpoint. The seqs and the size determine what each hash is, so that the file has nothing else.
//! - `range.json`: what the pack claims to have ([`PackRange`]):
//!
//!   ```json
//!   {"version":"auditrail/pack/v1","from_seq":0,"to_seq":99,"filters":[],"complete":true,"records":98,"left":2}
//!   ```
//!
//!   `filters` has the filters as pairs of a name and a value, null if the value was withheld. Without filters the pack is
//!   complete: it has a line for each seq of the range. With filters it does not claim to have all records that match them,
//!   because a verifier cannot know what the others have.
//!
//! - `README.md`: how to verify the pack. Not verified.
//!
//! A verifier computes the leaf of each line, compares it with the one in `hashes`, which names the record that was
//! changed, and folds all hashes to the root ([`tlog::CompactRange`]). That needs memory for one line and one hash a level,
//! and one hash for each record beside those of its fields; an inclusion proof a record would take twenty.
//!
//! That a record has left is what the pack says: its entry proves its id, its time and that it was in the log, but not
//! why it is gone.
//!
//! The ZIP file is plain: no encryption, no comment, no other file, and each file once, stored or deflated. ZIP64 is used
//! for sizes and offsets that need it. Equal content makes equal bytes.

mod container;
mod container_error;
mod error;
mod hashes;
mod limits;
mod line;
mod lines;
mod range;
mod readme;
mod tree;
mod verify;

pub use container::{EntryWriter, PackSource, PackWriter};
pub use container_error::ContainerError;
pub use error::PackError;
pub use hashes::PackHashes;
pub use line::PackLine;
pub use range::{InvalidPackRange, PackRange};
pub use readme::readme;
pub use verify::{VerifiedPack, verify};

/// The names of the files in a pack.
pub mod names {
    /// The policy under which the pack was made.
    pub const POLICY: &str = "policy";
    /// The signed checkpoint.
    pub const CHECKPOINT: &str = "checkpoint";
    /// The verifier in Python.
    pub const SCRIPT: &str = "auditrail_verify.py";
    /// The records.
    pub const RECORDS: &str = "records.ndjson";
    /// The hashes of the tree.
    pub const HASHES: &str = "hashes";
    /// What the pack claims to have.
    pub const RANGE: &str = "range.json";
    /// How to verify the pack.
    pub const README: &str = "README.md";
    /// All of them.
    pub const ALL: [&str; 7] = [POLICY, CHECKPOINT, SCRIPT, RECORDS, HASHES, RANGE, README];
}
