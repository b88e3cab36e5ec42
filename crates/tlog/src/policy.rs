//! Policies: which logs and witnesses are trusted, and how many cosignatures a checkpoint needs.

mod parse;

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

pub use parse::PolicyError;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::VerifierKey;
use crate::note::{SignatureError, SignedNote};

/// Which checkpoints are trusted: those of one of the logs that enough witnesses have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    /// Witnesses and groups; a group names earlier ones.
    members: Vec<Member>,
    /// The member that must have witnessed a checkpoint; `None` if no cosignature is necessary.
    quorum: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Witness { key: Box<VerifierKey>, url: Option<String> },
    Group { threshold: usize, members: Vec<usize> },
}

/// A checkpoint that a policy trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The key of the log that has signed it.
    pub log: VerifierKey,
    /// The cosignatures by witnesses of the policy.
    pub cosignatures: Vec<Cosignature>,
}

/// A valid cosignature by a witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The name of the witness in the policy.
    pub witness: String,
    /// When it was made, by the witness's clock, in seconds since 1970.
    pub time: u64,
}

/// Why a policy does not trust a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The policy has no log with this origin.
    #[error("the policy has no log with the origin {origin}")]
    UnknownLog {
        /// The origin of the checkpoint.
        origin: String,
    },
    /// A signature is missing or invalid.
    #[error("the checkpoint of size {size} is not trusted: {source}")]
    Signature {
        /// The size of the checkpoint.
        size: u64,
        /// Which signature, and why.
        source: SignatureError,
    },
    /// Too few witnesses have cosigned it.
    #[error(
        "the checkpoint of size {size} is not trusted: cosignatures by {cosigned} of {witnesses} witnesses do not reach the quorum {quorum}"
    )]
    Quorum {
        /// The size of the checkpoint.
        size: u64,
        /// How many witnesses of the policy have cosigned it.
        cosigned: usize,
        /// How many witnesses the policy has.
        witnesses: usize,
        /// The name of the quorum in the policy.
        quorum: String,
    },
}

impl Policy {
    /// Reads a policy. It is text in UTF-8, of at most 1 MiB.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        parse::policy(bytes)
    }

    /// The keys of the logs.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The keys of the witnesses, with their names in the policy and their URLs.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &VerifierKey, Option<&str>)> {
        self.members.iter().filter_map(|member| match &member.kind {
            Kind::Witness { key, url } => {
                Some((member.name.as_str(), key.as_ref(), url.as_deref()))
            }
            Kind::Group { .. } => None,
        })
    }

    /// Checks that a note is a checkpoint of one of the logs, and cosigned by the quorum. A signature of a known key
    /// that is not valid refutes the checkpoint, whatever other signatures it has.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn verify(&self, note: &SignedNote) -> Result<Accepted, Rejected> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let log = self.log_of(&checkpoint, note)?;
        let mut cosignatures = Vec::new();
        let mut is_witnessed: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            is_witnessed.push(match &member.kind {
                Kind::Witness { key, .. } => match signature(note, key, &checkpoint)? {
                    Some(verified) => {
                        let time = verified.time.unwrap_or_default();
                        cosignatures.push(Cosignature { witness: member.name.clone(), time });
                        true
                    }
                    None => false,
                },
                Kind::Group { threshold, members } => {
                    members.iter().filter(|member| is_witnessed[**member]).count() >= *threshold
                }
            });
        }
        match self.quorum {
            Some(quorum) if !is_witnessed[quorum] => Err(Rejected::Quorum {
                size: checkpoint.size(),
                cosigned: cosignatures.len(),
                witnesses: self.witnesses().count(),
                quorum: self.members[quorum].name.clone(),
            }),
            _ => Ok(Accepted { checkpoint, log, cosignatures }),
        }
    }

    /// The key that has signed a checkpoint for its origin.
    fn log_of(&self, checkpoint: &Checkpoint, note: &SignedNote) -> Result<VerifierKey, Rejected> {
        let (origin, size) = (checkpoint.origin(), checkpoint.size());
        let keys = self.logs.iter().filter(|key| key.name().as_str() == origin);
        let signed = note.signed_by(keys).map_err(|source| Rejected::Signature { size, source })?;
        signed.cloned().ok_or_else(|| Rejected::UnknownLog { origin: origin.to_owned() })
    }
}

/// The signature of a key, if it is there; an error if it is invalid.
fn signature(
    note: &SignedNote,
    key: &VerifierKey,
    checkpoint: &Checkpoint,
) -> Result<Option<crate::Verified>, Rejected> {
    match note.verify(key) {
        Ok(verified) => Ok(Some(verified)),
        Err(SignatureError::Missing { .. }) => Ok(None),
        Err(source) => Err(Rejected::Signature { size: checkpoint.size(), source }),
    }
}
