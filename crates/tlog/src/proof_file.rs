//! Proof files: an inclusion proof with the checkpoint that it leads to, to be verified offline.

use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::PROOF_MAX;
use crate::hash::Hash;
use crate::note::{NOTE_MAX, NoteError, SignedNote};
use crate::number::decimal;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The longest extra data as Base64.
const EXTRA_MAX: usize = 1024 * 1024;

/// The proof that an entry is in a log. Files of it have the extension `.tlog-proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Data of the application, which nothing authenticates.
    pub extra: Option<Vec<u8>>,
    /// The index of the leaf.
    pub index: u64,
    /// The inclusion proof.
    pub proof: Vec<Hash>,
    /// The checkpoint, with cosignatures.
    pub checkpoint: SignedNote,
}

/// Bytes that are not a proof file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// It is longer than any proof.
    #[error("the file is too long for a proof")]
    TooLong,
    /// It begins with another line.
    #[error("a proof begins with the line {HEADER}")]
    Header,
    /// The extra data are not Base64.
    #[error("the line of extra data is not Base64")]
    Extra,
    /// The index is missing or not a number.
    #[error("the line of the index is missing, or not `index` and a decimal number")]
    Index,
    /// A line is not a hash.
    #[error("line {number} of the proof is not a hash, which is 44 characters of Base64")]
    Hash {
        /// The line, counted from 1 for the first hash.
        number: usize,
    },
    /// There are more hashes than any proof has.
    #[error("the proof has more than {PROOF_MAX} hashes")]
    TooManyHashes,
    /// The checkpoint is not a note.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
}

impl ProofFile {
    /// Reads a proof file. Nothing in it is verified.
    ///
    /// # Errors
    /// [`ProofFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > EXTRA_MAX + NOTE_MAX {
            return Err(ProofFileError::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let mut rest = rest.ok_or(ProofFileError::Header)?;
        let mut extra = None;
        if let Some(after) = rest.strip_prefix("extra ") {
            let (base64, after) = after.split_once('\n').ok_or(ProofFileError::Extra)?;
            extra = Some(STANDARD.decode(base64).map_err(|_| ProofFileError::Extra)?);
            rest = after;
        }
        let line = rest.strip_prefix("index ").and_then(|rest| rest.split_once('\n'));
        let (index, rest) = line.ok_or(ProofFileError::Index)?;
        let index = decimal(index).ok_or(ProofFileError::Index)?;
        let (proof, rest) = read_lines(rest)?;
        Ok(Self { extra, index, proof, checkpoint: SignedNote::parse(rest.as_bytes())? })
    }
}

/// The hashes of a proof, one a line up to an empty line, and what follows it.
pub(crate) fn read_lines(mut rest: &str) -> Result<(Vec<Hash>, &str), ProofFileError> {
    let mut proof = Vec::new();
    loop {
        let number = proof.len() + 1;
        let (line, after) = rest.split_once('\n').ok_or(ProofFileError::Hash { number })?;
        rest = after;
        if line.is_empty() {
            return Ok((proof, rest));
        }
        if number > PROOF_MAX {
            return Err(ProofFileError::TooManyHashes);
        }
        proof.push(line.parse().map_err(|_| ProofFileError::Hash { number })?);
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
