//! The key itself.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{ApiKeyHash, base62};
use crate::error::ValueError;
use crate::limits::{
    KEY_CHECKSUM_CHARS, KEY_ENV_MAX_CHARS, KEY_HINT_SECRET_CHARS, KEY_MAX_CHARS, KEY_SECRET_BYTES,
    KEY_SECRET_CHARS,
};
use crate::text::{ApiKeyHint, text_impls};

/// What every key starts with, so that scanners for leaked secrets find ours.
const PREFIX: &str = "adt_";

/// An API key: `adt_<env>_<secret>_<checksum>`.
///
/// - `env` is a [`ApiKeyEnv`], `live` when nobody says otherwise.
/// - The secret is 160 random bits as 27 digits of base62 (`0-9A-Za-z`, the highest digit first).
/// - The checksum is the CRC-32 of zip and PNG (reflected polynomial 0xEDB88320) over everything
///   before the last underscore, as 6 digits of base62. It holds no secret and needs no server: a
///   scanner can tell a key from a look-alike, and one wrong character is always found.
///
/// The text is wiped from memory when the value is dropped, and neither `Debug` nor `Display` shows
/// more than its [`hint`](Self::hint); only [`expose`](Self::expose) does.
pub struct ApiKeySecret(Zeroizing<String>);

/// Why a text is not a key. The text is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeySecretError {
    /// It has another form. Send a whole key.
    #[error("this is not an API key: one looks like adt_live_ and two more parts")]
    Malformed,
    /// It has the form of a key, but was mistyped or cut. Copy it again.
    #[error("the checksum of this API key is wrong: it was mistyped or cut")]
    Checksum,
}

impl ApiKeySecret {
    /// Makes a key from random bytes, which have to come from the operating system and be used once.
    #[must_use]
    pub fn from_random(env: &ApiKeyEnv, random: &[u8; KEY_SECRET_BYTES]) -> Self {
        // Never grows beyond this, so no copy of the secret is left behind.
        let mut text = Zeroizing::new(String::with_capacity(KEY_MAX_CHARS));
        text.push_str(PREFIX);
        text.push_str(env.as_str());
        text.push('_');
        base62::push(Zeroizing::new(*random).as_mut_slice(), KEY_SECRET_CHARS, &mut text);
        let checksum = checksum(&text);
        text.push('_');
        text.push_str(&checksum);
        Self(text)
    }

    /// The key. Give it to whoever it is for and to nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it: SHA-256 over all of its text.
    #[must_use]
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash::from_bytes(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The label in it.
    #[must_use]
    pub fn env(&self) -> ApiKeyEnv {
        ApiKeyEnv::from_stored(&self.0[PREFIX.len()..self.secret_at() - 1])
    }

    /// How it starts, to be shown to people: `adt_live_Ab3d`.
    #[must_use]
    pub fn hint(&self) -> ApiKeyHint {
        ApiKeyHint::from_stored(&self.0[..self.secret_at() + KEY_HINT_SECRET_CHARS])
    }

    /// Where the secret starts. All characters are ASCII, and only the label varies in length.
    fn secret_at(&self) -> usize {
        self.0.len() - KEY_CHECKSUM_CHARS - 1 - KEY_SECRET_CHARS
    }
}

impl FromStr for ApiKeySecret {
    type Err = ApiKeySecretError;

    fn from_str(text: &str) -> Result<Self, ApiKeySecretError> {
        let malformed = ApiKeySecretError::Malformed;
        let (body, given) = text.rsplit_once('_').ok_or(malformed)?;
        let (env, secret) =
            body.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(malformed)?;
        let has_form = ApiKeyEnv::check(env).is_ok()
            && secret.len() == KEY_SECRET_CHARS
            && given.len() == KEY_CHECKSUM_CHARS
            && base62::is_digits(secret)
            && base62::is_digits(given);
        if !has_form {
            return Err(malformed);
        }
        if checksum(body) != given {
            return Err(ApiKeySecretError::Checksum);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

fn checksum(body: &str) -> String {
    let mut digits = String::with_capacity(KEY_CHECKSUM_CHARS);
    base62::push(crc32fast::hash(body.as_bytes()).to_be_bytes(), KEY_CHECKSUM_CHARS, &mut digits);
    digits
}

impl fmt::Display for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.hint())
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeySecret({self})")
    }
}

/// The label of the installation a key is for, so that a key for tests is seen for what it is:
/// 1 to 16 of `a-z` and `0-9`. The default is `live`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKeyEnv(Box<str>);

impl ApiKeyEnv {
    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    fn check(text: &str) -> Result<(), ValueError> {
        let in_form = (1..=KEY_ENV_MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        match in_form {
            true => Ok(()),
            false => Err(ValueError::BadFormat {
                expected: "1 to 16 lower-case letters and digits, such as live",
            }),
        }
    }
}

impl Default for ApiKeyEnv {
    fn default() -> Self {
        Self("live".into())
    }
}

text_impls!(ApiKeyEnv);
