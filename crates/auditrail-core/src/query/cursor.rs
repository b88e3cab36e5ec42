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

/// The version of the token's format, in its first byte.
const VERSION: u8 = 1;
/// Version, microseconds, id.
const BODY_BYTES: usize = 1 + 8 + 16;
/// HMAC-SHA256 truncated to 128 bits (RFC 2104 §5 requires at least half of the digest).
const MAC_BYTES: usize = 16;

/// The position after a record, newest first.
///
/// As a token it is base64url of a version, the time in microseconds, the id, and a MAC over these
/// and the filters: 55 characters. A token that was modified or made for other filters is
/// rejected, so it cannot reveal records outside its filters.
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
        let body = self.body();
        let mac = key.mac(&body, filters).finalize().into_bytes();
        let mut token = body.to_vec();
        token.extend_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Decodes a token that was made for the same filters with the same key.
    ///
    /// # Errors
    /// [`CursorError`]. The MAC is compared in constant time.
    pub fn decode(token: &str, filters: &Filters, key: &CursorKey) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| CursorError::Malformed)?;
        let (body, mac) = bytes.split_first_chunk::<BODY_BYTES>().ok_or(CursorError::Malformed)?;
        if body[0] != VERSION || mac.len() != MAC_BYTES {
            return Err(CursorError::Malformed);
        }
        key.mac(body, filters).verify_truncated_left(mac).map_err(|_| CursorError::NotForThis)?;
        Self::from_body(body).ok_or(CursorError::Malformed)
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
