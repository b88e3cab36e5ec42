//! Erasure: replaces values of a person in place, and breaks no proof.
//!
//! An erasure is one transaction. Of each record of its subject it
//!
//! 1. replaces the values: ids by a random pseudonym, the same in the whole erasure, other fields by null, metadata by `{}`
//!    or without a key;
//! 2. keeps the commitments to the erased values and the salts of the other fields in `audit_log_erased_records`;
//! 3. destroys the key of the record, so that nothing can be compared with these commitments any more;
//! 4. makes the filters of words anew that cover the record;
//!
//! and it adds a record of itself, which has nothing of what was erased. A record that is held stops the whole erasure. A
//! record that is not sealed yet has no key: its entry will be that of the new values. The lock of the tree keeps the sealer
//! waiting meanwhile, which delays neither readers nor writers.
//!
//! A record that was altered after it was sealed is erased as well, but can never be proved again; it is counted.
//!
//! Deliberately absent: archives that retention wrote, backups, and the dead rows of PostgreSQL, which `VACUUM` removes.
//! `fields` has what can be erased, `find` the records of a subject, `seqs` their entries, `update` the statements of the changes.

mod fields;
mod find;
mod run;
mod seqs;
mod update;

pub use fields::{ErasedFields, Subject, UnknownField};
pub use run::{Eraser, ErasureError, ErasureOptions, ErasurePlan, ErasureReport, RECORDS_MAX};
