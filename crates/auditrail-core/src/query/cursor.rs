//! The position after a page, as a signed token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::filters::Filters;
use super::order::Order;
use crate::id::RecordId;
use crate::time::RecordTime;

/// The version of a token without relative times, in its first byte.
const VERSION: u8 = 1;
/// The version of a token with the time that relative bounds refer to.
const RELATIVE_VERSION: u8 = 2;
/// Added to the version of a token for pages with the oldest record first.
const OLDEST_FIRST: u8 = 4;
/// Added to the version of a token for the page that ends before the record.
const BACKWARD: u8 = 8;
/// Version, microseconds, id.
const BODY_BYTES: usize = 1 + 8 + 16;
/// The microseconds of the time that relative bounds refer to.
const REFERENCE_BYTES: usize = 8;
/// HMAC-SHA256 truncated to 128 bits (RFC 2104 §5 requires at least half of the digest).
const MAC_BYTES: usize = 16;

/// The position of a record in the order of searches.
///
/// As a token it is base64url of a version, the time in microseconds, the id, and a MAC over these
/// and the filters: 55 characters, or 66 with the time that relative bounds refer to. The version states the
/// order, and whether the page starts after the record or ends before it. A token that was modified or made for
/// other filters or the other order is rejected, so it cannot reveal records outside its filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The time of the record.
    pub created_at: RecordTime,
    /// Its id.
    pub id: RecordId,
}

impl Cursor {
    /// The next position in the order of records, or the previous one: from there a page in the other direction
    /// includes the record of this one.
    pub(crate) fn neighbor(self, is_newer: bool) -> Self {
        let id = self.id.as_uuid().as_u128();
        let id = if is_newer { id.saturating_add(1) } else { id.saturating_sub(1) };
        Self { id: Uuid::from_u128(id).into(), ..self }
    }

    /// The position before every record of a time, in this order.
    #[must_use]
    pub fn before_all_at(time: RecordTime, order: Order) -> Self {
        let id = match order {
            Order::NewestFirst => Uuid::max(),
            Order::OldestFirst => Uuid::nil(),
        };
        Self { created_at: time, id: id.into() }
    }

    /// Encodes the token of the page after the record, newest first, for these filters.
    #[must_use]
    pub fn encode(&self, filters: &Filters, key: &CursorKey) -> String {
        let page = TokenPage { order: Order::NewestFirst, is_backward: false, relative_to: None };
        self.encode_page(filters, page, key)
    }

    /// Encodes the token of a page for these filters.
    #[must_use]
    pub fn encode_page(&self, filters: &Filters, page: TokenPage, key: &CursorKey) -> String {
        let mut token = self.body().to_vec();
        if let Some(time) = page.relative_to {
            token[0] = RELATIVE_VERSION;
            token.extend_from_slice(&time.unix_micros().to_be_bytes());
        }
        if page.order == Order::OldestFirst {
            token[0] |= OLDEST_FIRST;
        }
        if page.is_backward {
            token[0] |= BACKWARD;
        }
        let mac = key.mac(&token, filters).finalize().into_bytes();
        token.extend_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Decodes the token of a page after a record, newest first, that was made for the same filters with the
    /// same key.
    ///
    /// # Errors
    /// [`CursorError`]. The MAC is compared in constant time.
    pub fn decode(token: &str, filters: &Filters, key: &CursorKey) -> Result<Self, CursorError> {
        match Self::decode_page(token, filters, Order::NewestFirst, key)? {
            (cursor, false) => Ok(cursor),
            (_, true) => Err(CursorError::NotForThis),
        }
    }

    /// Decodes a token that was made for the same filters and order with the same key, and whether the page ends
    /// before the record.
    pub(super) fn decode_page(
        token: &str,
        filters: &Filters,
        order: Order,
        key: &CursorKey,
    ) -> Result<(Self, bool), CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| CursorError::Malformed)?;
        let version = *bytes.first().ok_or(CursorError::Malformed)?;
        let length = match version & !(OLDEST_FIRST | BACKWARD) {
            VERSION => BODY_BYTES,
            RELATIVE_VERSION => BODY_BYTES + REFERENCE_BYTES,
            _ => return Err(CursorError::Malformed),
        };
        let (signed, mac) = bytes.split_at_checked(length).ok_or(CursorError::Malformed)?;
        if mac.len() != MAC_BYTES {
            return Err(CursorError::Malformed);
        }
        key.mac(signed, filters).verify_truncated_left(mac).map_err(|_| CursorError::NotForThis)?;
        if (version & OLDEST_FIRST != 0) != (order == Order::OldestFirst) {
            return Err(CursorError::NotForThis);
        }
        let body = signed.first_chunk::<BODY_BYTES>().ok_or(CursorError::Malformed)?;
        let cursor = Self::from_body(body).ok_or(CursorError::Malformed)?;
        Ok((cursor, version & BACKWARD != 0))
    }

    /// The time that relative bounds of the filters refer to, if the token has one.
    ///
    /// Not verified: [`decode`](Self::decode) rejects the token if the filters that it leads to are
    /// others.
    #[must_use]
    pub fn relative_to(token: &str) -> Option<RecordTime> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, bytes) = bytes.split_first()?;
        if version & !(OLDEST_FIRST | BACKWARD) != RELATIVE_VERSION {
            return None;
        }
        let micros = bytes.get(BODY_BYTES - 1..)?.first_chunk::<REFERENCE_BYTES>()?;
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

/// The page that a token leads to, beside its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenPage {
    /// The order of the records.
    pub order: Order,
    /// Whether the page ends before the record instead of starting after it.
    pub is_backward: bool,
    /// The time that relative bounds of the filters were subtracted from.
    pub relative_to: Option<RecordTime>,
}

/// Why a token is rejected. Start again from the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The text is not a cursor.
    #[error("is not a cursor; start again without one")]
    Malformed,
    /// It was modified, or made for other filters, the other order or by another server.
    #[error(
        "was not made for these filters and this order; start again without it, or repeat both"
    )]
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
