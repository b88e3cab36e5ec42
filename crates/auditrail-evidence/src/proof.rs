//! The proof of a record: what is shown of it, and that the log has its entry.

mod document;

use std::collections::BTreeMap;

use auditrail_core::RecordTime;
use tlog::inclusion::{self, InclusionError};
use tlog::{Accepted, Policy, ProofFile, Rejected};
use uuid::Uuid;

use crate::commitment::fields_root;
use crate::disclosure::Disclosure;
use crate::entry::Entry;
use crate::fields::{FIELDS, FieldName};

pub use document::InvalidProof;

/// The proof of a record. As a document it is JSON, with the part of <https://c2sp.org/tlog-proof> as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    /// The id of the record.
    pub id: Uuid,
    /// Its time.
    pub created_at: RecordTime,
    /// Each field, in the order of [`FIELDS`].
    pub fields: [Disclosure; FIELDS.len()],
    /// The inclusion proof of the entry, and a checkpoint.
    pub tlog_proof: ProofFile,
}

/// A record of which a proof was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    /// The id of the record.
    pub id: Uuid,
    /// Its time.
    pub created_at: RecordTime,
    /// Its place in the order of the log.
    pub seq: u64,
    /// The values that the proof shows; `None` for null.
    pub shown: BTreeMap<FieldName, Option<String>>,
    /// The fields that the proof withholds.
    pub withheld: Vec<FieldName>,
    /// The fields that the log says were erased.
    pub erased: Vec<FieldName>,
    /// The checkpoint that the proof leads to, with its cosignatures.
    pub checkpoint: Accepted,
}

/// Why a proof does not show that a record is in a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The checkpoint is not trusted.
    #[error(transparent)]
    Checkpoint(#[from] Rejected),
    /// The inclusion proof is not one of this index in this tree.
    #[error("the inclusion proof of record {id} is not valid: {source}")]
    Inclusion {
        /// The id in the proof.
        id: Uuid,
        /// What is wrong with it.
        source: InclusionError,
    },
    /// The log has another entry there, or the inclusion proof was changed.
    #[error(
        "record {id} is not entry {seq} of the log as the proof shows it: its fields, its time, its id or the proof were changed"
    )]
    OtherEntry {
        /// The id in the proof.
        id: Uuid,
        /// The index in the proof.
        seq: u64,
    },
}

impl RecordProof {
    /// The entry of the record, from what the proof shows.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let commitments = FIELDS.map(|field| self.fields[field.index()].commitment(field));
        let (id, created_at) = (self.id, self.created_at);
        Entry { id, created_at, fields_root: fields_root(&commitments) }
    }

    /// Verifies that a log that the policy trusts has the record with what the proof shows of it.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, policy: &Policy) -> Result<VerifiedRecord, ProofError> {
        let accepted = policy.verify(&self.tlog_proof.checkpoint)?;
        let (id, seq) = (self.id, self.tlog_proof.index);
        let (size, root) = (accepted.checkpoint.size(), accepted.checkpoint.root());
        let leaf = self.entry().leaf_hash();
        let included = inclusion::verify(&self.tlog_proof.proof, &leaf, seq, size, root);
        included.map_err(|source| match source {
            InclusionError::OtherRoot { .. } => ProofError::OtherEntry { id, seq },
            InclusionError::OutOfRange { .. } | InclusionError::Length { .. } => {
                ProofError::Inclusion { id, source }
            }
        })?;
        Ok(self.disclosed(accepted))
    }

    fn disclosed(&self, checkpoint: Accepted) -> VerifiedRecord {
        let (mut shown, mut withheld, mut erased) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (field, disclosure) in FIELDS.into_iter().zip(&self.fields) {
            match disclosure {
                Disclosure::Shown { value, .. } => drop(shown.insert(field, value.clone())),
                Disclosure::Withheld(_) => withheld.push(field),
                Disclosure::Erased(_) => erased.push(field),
            }
        }
        let (id, created_at, seq) = (self.id, self.created_at, self.tlog_proof.index);
        VerifiedRecord { id, created_at, seq, shown, withheld, erased, checkpoint }
    }
}
