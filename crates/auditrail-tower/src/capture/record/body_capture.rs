//! Copies of bodies of at most 64 KiB that may be JSON, made only if a rule needs them.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Buf;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;

use super::json;
use crate::capture::grpc;

/// Maximum size of a captured body.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// Maximum chunks of a non-contiguous buffer.
const CHUNKS_MAX: usize = 64;
/// UTF-8 with a byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The part of a body that has been captured so far.
#[derive(Debug, Default)]
pub(crate) struct CapturedBody {
    bytes: Vec<u8>,
    too_large: bool,
    whole: bool,
    /// `Content-Length`.
    length: Option<u64>,
}

impl CapturedBody {
    /// An empty copy of the body of a request; `None` if it cannot be JSON of a readable size.
    ///
    /// The caller chooses the content type, and many applications ignore it. So it is ignored here, too, except that
    /// of gRPC.
    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        if grpc::is_grpc(headers) { None } else { Self::plain(headers) }
    }

    /// An empty copy of the body of a response; `None` if it is not JSON of a readable size.
    pub(crate) fn of_response(headers: &HeaderMap) -> Option<Self> {
        let is_json = headers.get_all(CONTENT_TYPE).iter().any(|value| is_json(value.as_bytes()));
        Self::plain(headers).filter(|_| is_json)
    }

    fn plain(headers: &HeaderMap) -> Option<Self> {
        let length = length(headers);
        let is_small = length.is_none_or(|length| length <= BODY_MAX_BYTES as u64);
        let is_plain =
            headers.get_all(CONTENT_ENCODING).iter().all(|value| is_identity(value.as_bytes()));
        (is_small && is_plain).then(|| Self { length, ..Self::default() })
    }

    pub(crate) fn push(&mut self, data: &impl Buf) {
        let remaining = data.remaining();
        if self.too_large || self.bytes.len() + remaining > BODY_MAX_BYTES {
            self.discard();
            return;
        }
        let mut chunks = [IoSlice::new(&[]); CHUNKS_MAX];
        let count = data.chunks_vectored(&mut chunks);
        let before = self.bytes.len();
        for chunk in &chunks[..count] {
            self.bytes.extend_from_slice(chunk);
        }
        if self.bytes.len() - before != remaining {
            self.discard();
        }
        self.whole |= self.length == Some(self.bytes.len() as u64);
        if !may_be_document(&self.bytes) {
            self.discard();
        }
    }

    pub(crate) fn end(&mut self) {
        self.whole = true;
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.too_large && !self.whole
    }

    /// The parsed document, if the body was captured completely.
    pub(crate) fn document(&self) -> Option<Value> {
        if self.whole && !self.too_large { json::parse(without_mark(&self.bytes)) } else { None }
    }

    /// Discards the copy, and ignores the rest of the body.
    pub(crate) fn discard(&mut self) {
        self.too_large = true;
        self.bytes = Vec::new();
    }
}

/// The copy that the body fills and the record reads.
#[derive(Clone, Debug)]
pub(crate) struct BodyCapture(Arc<Mutex<CapturedBody>>);

impl BodyCapture {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        CapturedBody::of_request(headers).map(|captured| Self(Arc::new(Mutex::new(captured))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, CapturedBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of `Content-Length`.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whether the start of a body may be that of an object or array. Nothing is looked up in other documents.
fn may_be_document(bytes: &[u8]) -> bool {
    if BYTE_ORDER_MARK.starts_with(bytes) {
        return true;
    }
    let start = without_mark(bytes).trim_ascii_start();
    matches!(start.first(), None | Some(b'{' | b'['))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Whether a `Content-Encoding` changes nothing.
fn is_identity(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether a content type is JSON: `application/json` or `application/…+json`.
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
