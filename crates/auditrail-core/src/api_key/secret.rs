//! The secret text of an API key.

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

/// The start of every key, by which scanners for leaked secrets detect keys.
const PREFIX: &str = "adt_";

/// An API key: `adt_<env>_<secret>_<checksum>`.
///
/// - `env` is an [`ApiKeyEnv`], by default `live`.
/// - The secret is 160 random bits as 27 digits of base62 (`0-9A-Za-z`, the highest digit first).
/// - The checksum is the CRC-32 of zip and PNG (reflected polynomial 0xEDB88320) over everything
///   before the last underscore, as 6 digits of base62. It depends on no secret and no server: a
///   scanner distinguishes keys from similar text, and every single wrong character is detected.
///
/// The text is zeroed when the value is dropped. `Debug` and `Display` show only its
/// [`hint`](Self::hint); [`expose`](Self::expose) returns the whole.
pub struct ApiKeySecret(Zeroizing<String>);

/// Why a text is not a key. Never contains the text.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeySecretError {
    /// It does not have the form of a key. Send a whole key.
    #[error("this is not an API key: one looks like adt_live_ and two more parts")]
    Malformed,
    /// It has the form of a key, but was mistyped or truncated. Copy it again.
    #[error("the checksum of this API key is wrong: it was mistyped or cut")]
    Checksum,
}

crate::debug_as_messages!(ApiKeySecretError);

impl ApiKeySecret {
    /// Builds a key from random bytes, which must come from the operating system and be used once.
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

    /// The whole key. Pass it only to the client that will use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 over the whole text, to be stored.
    #[must_use]
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash::from_bytes(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The environment label.
    #[must_use]
    pub fn env(&self) -> ApiKeyEnv {
        ApiKeyEnv::from_stored(&self.0[PREFIX.len()..self.secret_at() - 1])
    }

    /// The start of the key, to be shown to people: `adt_live_Ab3d`.
    #[must_use]
    pub fn hint(&self) -> ApiKeyHint {
        ApiKeyHint::from_stored(&self.0[..self.secret_at() + KEY_HINT_SECRET_CHARS])
    }

    /// The index at which the secret starts. All characters are ASCII, and only the label varies in length.
    fn secret_at(&self) -> usize {
        self.0.len() - KEY_CHECKSUM_CHARS - 1 - KEY_SECRET_CHARS
    }
}

impl FromStr for ApiKeySecret {
    type Err = ApiKeySecretError;

    fn from_str(text: &str) -> Result<Self, ApiKeySecretError> {
        let malformed = ApiKeySecretError::Malformed;
        let (body, suffix) = text.rsplit_once('_').ok_or(malformed)?;
        let (env, secret) =
            body.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(malformed)?;
        let has_form = ApiKeyEnv::check(env).is_ok()
            && secret.len() == KEY_SECRET_CHARS
            && suffix.len() == KEY_CHECKSUM_CHARS
            && base62::is_digits(secret)
            && base62::is_digits(suffix);
        if !has_form {
            return Err(malformed);
        }
        if checksum(body) != suffix {
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

/// The environment label in a key, by which a test key is recognized: 1 to 16 of `a-z` and `0-9`. The
/// default is `live`.
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
        let is_valid = (1..=KEY_ENV_MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if is_valid {
            Ok(())
        } else {
            Err(ValueError::BadFormat {
                expected: "1 to 16 lower-case letters and digits, such as live",
            })
        }
    }
}

impl Default for ApiKeyEnv {
    fn default() -> Self {
        Self("live".into())
    }
}

text_impls!(ApiKeyEnv);
