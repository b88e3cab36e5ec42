//! Copies of bodies: of JSON of at most 64 KiB, and only where a rule wants it.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Buf;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;

use super::json;

/// Most bytes of a body that is looked at.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// Most pieces of a buffer that is not in one.
const PIECES_MAX: usize = 64;

/// What was seen of a body so far.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    bytes: Vec<u8>,
    too_large: bool,
    whole: bool,
    /// The length that was announced.
    length: Option<u64>,
}

impl Copied {
    /// A copy to be made of a body with these headers; `None` when it is not one to look at.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let length = length(headers);
        let small = length.is_none_or(|length| length <= BODY_MAX_BYTES as u64);
        let plain = !headers.contains_key(CONTENT_ENCODING);
        let json = headers.get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()));
        (small && plain && json).then(|| Self { length, ..Self::default() })
    }

    pub(crate) fn push(&mut self, data: &impl Buf) {
        let remaining = data.remaining();
        if self.too_large || self.bytes.len() + remaining > BODY_MAX_BYTES {
            self.give_up();
            return;
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let count = data.chunks_vectored(&mut pieces);
        let before = self.bytes.len();
        for piece in &pieces[..count] {
            self.bytes.extend_from_slice(piece);
        }
        if self.bytes.len() - before != remaining {
            self.give_up();
        }
        self.whole |= self.length == Some(self.bytes.len() as u64);
    }

    pub(crate) fn end(&mut self) {
        self.whole = true;
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.too_large && !self.whole
    }

    /// The document, when all of it was seen.
    pub(crate) fn document(&self) -> Option<Value> {
        if self.whole && !self.too_large { json::parse(&self.bytes) } else { None }
    }

    /// It is not to be looked at.
    pub(crate) fn give_up(&mut self) {
        self.too_large = true;
        self.bytes = Vec::new();
    }
}

/// A copy that the body makes and the record reads.
#[derive(Clone, Debug)]
pub(crate) struct Tap(Arc<Mutex<Copied>>);

impl Tap {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Copied::of(headers).map(|copied| Self(Arc::new(Mutex::new(copied))))
    }

    pub(crate) fn copied(&self) -> MutexGuard<'_, Copied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The length that headers announce.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whether a content type is JSON: `application/json`, or one that ends in `+json`.
fn is_json(kind: &[u8]) -> bool {
    let end = kind.iter().position(|byte| *byte == b';').unwrap_or(kind.len());
    let kind = kind[..end].trim_ascii_end();
    let Some((family, name)) = kind.split_at_checked("application/".len()) else {
        return false;
    };
    let suffix = name.len().checked_sub("+json".len()).map(|at| &name[at..]);
    let is_suffixed = suffix.is_some_and(|end| end.eq_ignore_ascii_case(b"+json"));
    family.eq_ignore_ascii_case(b"application/")
        && (name.eq_ignore_ascii_case(b"json") || (is_suffixed && name.len() > "+json".len()))
}

#[cfg(test)]
mod tests;
