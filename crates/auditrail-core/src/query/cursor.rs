//! The position after a page, as a signed token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::filters::Filters;
use crate::id::RecordId;
use crate::time::RecordTime;

/// The version of a token without relative times, in its first byte.
const VERSION: u8 = 1;
/// The version of a token with the time that relative bounds refer to.
const RELATIVE_VERSION: u8 = 2;
/// Version, microseconds, id.
const BODY_BYTES: usize = 1 + 8 + 16;
/// The microseconds of the time that relative bounds refer to.
const REFERENCE_BYTES: usize = 8;
/// HMAC-SHA256 truncated to 128 bits (RFC 2104 §5 requires at least half of the digest).
const MAC_BYTES: usize = 16;

/// The position after a record, newest first.
///
/// As a token it is base64url of a version, the time in microseconds, the id, and a MAC over these
/// and the filters: 55 characters, or 66 with the time that relative bounds refer to. A token that was modified
/// or made for other filters is rejected, so it cannot reveal records outside its filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The time of the record.
    pub created_at: RecordTime,
    /// Its id.
    pub id: RecordId,
}

impl Cursor {
    /// Encodes the token for these filters.
    #[must_use]
    pub fn encode(&self, filters: &Filters, key: &CursorKey) -> String {
        self.encode_relative(filters, None, key)
    }

    /// Encodes the token for these filters, of which relative times were subtracted from `relative_to`.
    #[must_use]
    pub fn encode_relative(
        &self,
        filters: &Filters,
        relative_to: Option<RecordTime>,
        key: &CursorKey,
    ) -> String {
        let mut token = self.body().to_vec();
        if let Some(time) = relative_to {
            token[0] = RELATIVE_VERSION;
            token.extend_from_slice(&time.unix_micros().to_be_bytes());
        }
        let mac = key.mac(&token, filters).finalize().into_bytes();
        token.extend_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Decodes a token that was made for the same filters with the same key.
    ///
    /// # Errors
    /// [`CursorError`]. The MAC is compared in constant time.
    pub fn decode(token: &str, filters: &Filters, key: &CursorKey) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| CursorError::Malformed)?;
        let length = match bytes.first() {
            Some(&VERSION) => BODY_BYTES,
            Some(&RELATIVE_VERSION) => BODY_BYTES + REFERENCE_BYTES,
            _ => return Err(CursorError::Malformed),
        };
        let (signed, mac) = bytes.split_at_checked(length).ok_or(CursorError::Malformed)?;
        if mac.len() != MAC_BYTES {
            return Err(CursorError::Malformed);
        }
        key.mac(signed, filters).verify_truncated_left(mac).map_err(|_| CursorError::NotForThis)?;
        let body = signed.first_chunk::<BODY_BYTES>().ok_or(CursorError::Malformed)?;
        Self::from_body(body).ok_or(CursorError::Malformed)
    }

    /// The time that relative bounds of the filters refer to, if the token has one.
    ///
    /// Not verified: [`decode`](Self::decode) rejects the token if the filters that it leads to are others.
    #[must_use]
    pub fn relative_to(token: &str) -> Option<RecordTime> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let bytes = bytes.strip_prefix(&[RELATIVE_VERSION])?.get(BODY_BYTES - 1..)?;
        let micros = bytes.first_chunk::<REFERENCE_BYTES>()?;
        RecordTime::from_unix_micros(i64::from_be_bytes(*micros)).ok()
    }

    fn body(&self) -> [u8; BODY_BYTES] {
        let mut body = [VERSION; BODY_BYTES];
        body[1..9].copy_from_slice(&self.created_at.unix_micros().to_be_bytes());
        body[9..].copy_from_slice(self.id.as_uuid().as_bytes());
        body
    }

    fn from_body(body: &[u8; BODY_BYTES]) -> Option<Self> {
        let (micros, id) = body[1..].split_first_chunk::<8>()?;
        Some(Self {
            created_at: RecordTime::from_unix_micros(i64::from_be_bytes(*micros)).ok()?,
            id: Uuid::from_slice(id).ok()?.into(),
        })
    }
}

/// Why a token is rejected. Start again from the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The text is not a cursor.
    #[error("is not a cursor; start again without one")]
    Malformed,
    /// It was modified, or made for other filters or by another server.
    #[error("was not made for these filters; start again without it, or repeat the filters")]
    NotForThis,
}

/// The secret that binds cursors to their filters and to one installation.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// A well-known key: it detects a cursor used with other filters, not a forged one.
    ///
    /// For the command line, whose user can read every record anyway.
    #[must_use]
    pub const fn public() -> Self {
        Self(*b"auditrail: public cursor key v1.")
    }

    /// The MAC over the position and the filters, each part prefixed with its length.
    fn mac(&self, body: &[u8], filters: &Filters) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to the block size of the digest.
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"auditrail cursor\0");
        mac.update(body);
        for (name, value) in filters.to_pairs() {
            for part in [name.as_bytes(), value.as_bytes()] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part);
            }
        }
        mac
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}
