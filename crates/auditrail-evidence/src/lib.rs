//! Evidence about audit records: what the transparency log has for a record, and proofs that others can verify.
//!
//! The log has an *entry* of fixed size for each record: its id, its time, and a hash of *commitments* to its fields.
//! A commitment hides its field behind a salt, so entries have no personal data, and a proof may withhold a field or
//! show it as erased without becoming invalid. The salts are derived from the *record key*, a random secret of the
//! record; with a salt the field can be verified.
//!
//! A field is committed to as the text that PostgreSQL prints for it, byte for byte. A verifier hashes the text that a
//! proof shows, and only then reads it. Numbers of `metadata` would not survive a canonical form of JSON: RFC 8785 makes
//! 9007199254740993 and 9007199254740992 the same.
//!
//! No I/O, no clock, no random numbers. `docs/evidence-vectors.json` has values that every implementation must compute.

mod commitment;
mod consistency;
mod disclosure;
mod entry;
mod field_object;
mod fields;
mod mac;
pub mod pack;
mod proof;

pub use commitment::{Commitment, RecordKey, Salt, fields_root};
pub use consistency::{ConsistencyDocument, InvalidConsistencyDocument};
pub use disclosure::Disclosure;
pub use entry::{ENTRY_BYTES, Entry, InvalidEntry, LogEntry};
pub use fields::{FIELDS, FieldName};
pub use proof::{InvalidProof, ProofError, RecordProof, VerifiedRecord};
