//! Signed notes: a text, an empty line, and lines with signatures.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{Algorithm, KeyName, SigningKey, VerifierKey};

/// The longest note, in bytes. Sixteen signatures of the largest kind take 80 KiB.
pub(crate) const NOTE_MAX: usize = 256 * 1024;
/// Most signatures of a note.
const SIGNATURES_MAX: usize = 100;
/// How a line of a signature begins.
const SIGNATURE: &str = "\u{2014} ";

/// A text with signatures, of which none was verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A signature of a note, or a witness's cosignature of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: u32,
    bytes: Vec<u8>,
}

/// Bytes that are not a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is longer than any note.
    #[error("the note is longer than {NOTE_MAX} bytes")]
    TooLong,
    /// It is not text.
    #[error("the note is not UTF-8, or has control characters")]
    NotText,
    /// There is no empty line before signatures.
    #[error("the note has no empty line between its text and its signatures")]
    NoSignatures,
    /// It has too many signatures.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A line is not that of a signature.
    #[error("signature {number} of the note is not a dash, a name and Base64, each after a space")]
    Signature {
        /// The signature, counted from 1.
        number: usize,
    },
    /// A text cannot be signed as a note.
    #[error("the text of a note ends in a newline and has no other control characters")]
    Text,
}

/// Why a note is not signed by a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature of this key.
    #[error("there is no signature by {key}")]
    Missing {
        /// The name of the key.
        key: KeyName,
    },
    /// It has a signature of this key that is not one of this text.
    #[error(
        "the signature by {key} is not one of this text: the text or the signature was changed"
    )]
    Invalid {
        /// The name of the key.
        key: KeyName,
    },
}

/// A signature that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The time that a cosignature states, in seconds since 1970; `None` for a signature of the note itself.
    pub time: Option<u64>,
}

impl SignedNote {
    /// A note without signatures.
    ///
    /// # Errors
    /// [`NoteError::Text`].
    pub fn new(text: String) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || !is_plain(&text) {
            return Err(NoteError::Text);
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note, with at least one signature.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_MAX {
            return Err(NoteError::TooLong);
        }
        let note = core::str::from_utf8(bytes).ok().filter(|note| is_plain(note));
        let note = note.ok_or(NoteError::NotText)?;
        let end = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = note.split_at(end + 1);
        let signatures = NoteSignature::parse_lines(&lines[1..])?;
        if signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, also those of unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds the signature of a key; see [`NoteSignature::new`].
    pub fn sign(&mut self, key: &SigningKey, time: u64) {
        self.push(NoteSignature::new(key, &self.text, time));
    }

    /// Adds a signature.
    pub fn push(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// Checks the signatures of a key: there is one, and each is one of this text. Of several cosignatures the latest
    /// counts.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, key: &VerifierKey) -> Result<Verified, SignatureError> {
        let own = |signature: &&NoteSignature| signature.is_by(key);
        let mut verified = None;
        for signature in self.signatures.iter().filter(own) {
            let time = signature
                .verify(&self.text, key)
                .ok_or_else(|| SignatureError::Invalid { key: key.name().clone() })?;
            verified = verified.max(Some(time));
        }
        let time = verified.ok_or_else(|| SignatureError::Missing { key: key.name().clone() })?;
        Ok(Verified { time })
    }

    /// The first of these keys that has signed the note; `None` if there are no keys. All signatures of each key are
    /// checked, and one that is not valid refutes the note.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn signed_by<'k>(
        &self,
        keys: impl Iterator<Item = &'k VerifierKey>,
    ) -> Result<Option<&'k VerifierKey>, SignatureError> {
        let (mut signed, mut missing) = (None, None);
        for key in keys {
            match self.verify(key) {
                Ok(_) => signed = signed.or(Some(key)),
                Err(error @ SignatureError::Missing { .. }) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if signed.is_none() => Err(error),
            _ => Ok(signed),
        }
    }
}

impl NoteSignature {
    /// Signs the text of a note. `time` is what a cosignature states, in seconds since 1970; a log's signature has none.
    #[must_use]
    pub fn new(key: &SigningKey, text: &str, time: u64) -> Self {
        let verifier = key.verifier();
        let algorithm = verifier.algorithm();
        let mut bytes = Vec::new();
        if algorithm == Algorithm::Cosignature {
            bytes.extend_from_slice(&time.to_be_bytes());
        }
        bytes.extend_from_slice(&key.sign(&algorithm.message(text, time)));
        Self { name: verifier.name().clone(), id: verifier.id(), bytes }
    }

    /// Reads lines of signatures, as a witness answers with them.
    ///
    /// # Errors
    /// [`NoteError::Signature`] and [`NoteError::TooManySignatures`].
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, NoteError> {
        let mut signatures = Vec::new();
        for line in lines.split_inclusive('\n') {
            let number = signatures.len() + 1;
            if number > SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Self::parse(line).ok_or(NoteError::Signature { number })?);
        }
        Ok(signatures)
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_suffix('\n')?.strip_prefix(SIGNATURE)?.split_once(' ')?;
        let decoded = STANDARD.decode(base64).ok()?;
        let (id, bytes) = decoded.split_first_chunk()?;
        if bytes.is_empty() {
            return None;
        }
        Some(Self { name: name.parse().ok()?, id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }

    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Whether it claims to be by this key.
    #[must_use]
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }

    /// Whether the text has this signature, with the time of a cosignature.
    fn verify(&self, text: &str, key: &VerifierKey) -> Option<Option<u64>> {
        let (time, signature) = match key.algorithm() {
            Algorithm::Ed25519 => (None, self.bytes.as_slice()),
            Algorithm::Cosignature => {
                let (time, signature) = self.bytes.split_first_chunk()?;
                (Some(u64::from_be_bytes(*time)), signature)
            }
        };
        let is_time = time.is_none_or(|time| i64::try_from(time).is_ok());
        let message = key.algorithm().message(text, time.unwrap_or_default());
        (is_time && key.is_signature(&message, signature.try_into().ok()?)).then_some(time)
    }
}

/// Whether a text has no control characters but newlines.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' || byte == b'\n')
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| signature.fmt(f))
    }
}

/// A line, with its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        writeln!(f, "{SIGNATURE}{} {}", self.name, STANDARD.encode(bytes))
    }
}
