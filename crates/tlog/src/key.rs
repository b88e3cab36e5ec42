//! Keys of logs and witnesses, with the names they sign under.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// What a key signs, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// The text of a note, with Ed25519: a log.
    Ed25519 = 0x01,
    /// A statement about a checkpoint and the time, with Ed25519: a witness.
    Cosignature = 0x04,
}

/// The name of a key: not empty, without spaces, control characters and `+`. For a log it is its origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

/// The public key of a log or a witness. As text (a *vkey*) it is `NAME+ID+KEY`, with the id in hexadecimal and the
/// key, after a byte for its algorithm, in Base64.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: u32,
    algorithm: Algorithm,
    key: VerifyingKey,
}

/// The secret key of a log or a witness.
///
/// As text it is `PRIVATE+KEY+NAME+ID+SEED`, as Go's package `golang.org/x/mod/sumdb/note` reads and writes it.
/// `Debug` shows the name only, and the key is wiped from memory with the value.
#[derive(Clone)]
pub struct SigningKey {
    name: KeyName,
    algorithm: Algorithm,
    key: ed25519_dalek::SigningKey,
}

/// A text that is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It has another form.
    #[error(
        "a verifier key is NAME+ID+KEY, with an id of 8 hexadecimal digits and the key in Base64"
    )]
    Form,
    /// It has another form than that of a secret key.
    #[error(
        "a signing key is PRIVATE+KEY+NAME+ID+SEED, with an id of 8 hexadecimal digits and the seed in Base64"
    )]
    SecretForm,
    /// The name cannot be that of a key.
    #[error("the name of a key is not empty and has no spaces, control characters or `+`")]
    Name,
    /// The algorithm is another one.
    #[error(
        "the key is of type {0:#04x}; only 0x01 (Ed25519) and 0x04 (cosignatures) are supported"
    )]
    Algorithm(u8),
    /// The id is not that of the name and the key: one of them was changed.
    #[error("the id of the key is {found:08x}, but name and key have the id {expected:08x}")]
    Id {
        /// That of the name and the key.
        expected: u32,
        /// The one in the text.
        found: u32,
    },
    /// The bytes are no public key that can be trusted.
    #[error("the key is not a public key of Ed25519, or is one for which anybody can sign")]
    Key,
}

impl Algorithm {
    fn from_byte(byte: u8) -> Result<Self, InvalidKey> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            other => Err(InvalidKey::Algorithm(other)),
        }
    }

    /// What is signed for the text of a note.
    pub(crate) fn message(self, text: &str, time: u64) -> String {
        match self {
            Self::Ed25519 => text.to_owned(),
            Self::Cosignature => format!("cosignature/v1\ntime {time}\n{text}"),
        }
    }
}

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl VerifierKey {
    fn new(name: KeyName, algorithm: Algorithm, bytes: &[u8]) -> Result<Self, InvalidKey> {
        let key = VerifyingKey::try_from(bytes).map_err(|_| InvalidKey::Key)?;
        if key.is_weak() {
            return Err(InvalidKey::Key);
        }
        let id = id(&name, algorithm, bytes);
        Ok(Self { name, id, algorithm, key })
    }

    /// The name that it signs under.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id that its signatures have.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether a message has this signature.
    pub(crate) fn is_signature(&self, message: &str, signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(message.as_bytes(), &signature).is_ok()
    }
}

impl SigningKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn from_seed(name: KeyName, algorithm: Algorithm, seed: &[u8; 32]) -> Self {
        Self { name, algorithm, key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    /// The key that verifies its signatures.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        let key = self.key.verifying_key();
        let id = id(&self.name, self.algorithm, key.as_bytes());
        VerifierKey { name: self.name.clone(), id, algorithm: self.algorithm, key }
    }

    /// The signature of a message.
    pub(crate) fn sign(&self, message: &str) -> [u8; 64] {
        self.key.sign(message.as_bytes()).to_bytes()
    }

    /// The secret as text, to be kept in a file that only its owner can read.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let id = self.verifier().id;
        let seed = encode(self.algorithm, self.key.as_bytes());
        format!("PRIVATE+KEY+{}+{id:08x}+{seed}", self.name)
    }

    /// Reads [`SigningKey::to_secret_text`].
    ///
    /// # Errors
    /// [`InvalidKey`], which does not have the text.
    pub fn from_secret_text(text: &str) -> Result<Self, InvalidKey> {
        let rest = text.strip_prefix("PRIVATE+KEY+").ok_or(InvalidKey::SecretForm)?;
        let parts = Parts::read(rest).ok_or(InvalidKey::SecretForm)?;
        let (name, algorithm) = (parts.name.parse()?, Algorithm::from_byte(parts.algorithm)?);
        let key = Self::from_seed(name, algorithm, &parts.key);
        let expected = key.verifier().id;
        if parts.id == expected {
            Ok(key)
        } else {
            Err(InvalidKey::Id { expected, found: parts.id })
        }
    }
}

/// The parts of a key as text, public or secret.
struct Parts<'a> {
    name: &'a str,
    id: u32,
    algorithm: u8,
    key: [u8; 32],
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (digits, key) = rest.split_once('+')?;
        let is_id = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if digits.len() != 8 || !digits.bytes().all(is_id) {
            return None;
        }
        let id = u32::from_str_radix(digits, 16).ok()?;
        let bytes = STANDARD.decode(key).ok()?;
        let (algorithm, key) = bytes.split_first()?;
        Some(Self { name, id, algorithm: *algorithm, key: key.try_into().ok()? })
    }
}

/// The id of a key: the first four bytes of the SHA-256 of its name, a newline, its type and the public key.
fn id(name: &KeyName, algorithm: Algorithm, key: &[u8]) -> u32 {
    let mut digest = Sha256::new_with_prefix(name.0.as_bytes());
    digest.update([b'\n', algorithm as u8]);
    digest.update(key);
    let hash: [u8; 32] = digest.finalize().into();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

fn encode(algorithm: Algorithm, key: &[u8; 32]) -> String {
    let mut bytes = [algorithm as u8; 33];
    bytes[1..].copy_from_slice(key);
    STANDARD.encode(bytes)
}

impl FromStr for KeyName {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let is_name = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        if text.is_empty() || !text.chars().all(is_name) {
            return Err(InvalidKey::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for VerifierKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let parts = Parts::read(text).ok_or(InvalidKey::Form)?;
        let (name, algorithm) = (parts.name.parse()?, Algorithm::from_byte(parts.algorithm)?);
        let key = Self::new(name, algorithm, &parts.key)?;
        let (expected, found) = (key.id, parts.id);
        if found == expected { Ok(key) } else { Err(InvalidKey::Id { expected, found }) }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, encode(self.algorithm, self.as_bytes()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name.0).finish_non_exhaustive()
    }
}
