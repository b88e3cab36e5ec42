//! The API key: its sources, and protection from disclosure.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::{fmt, fs};

use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use crate::error::ClientError;

pub(super) enum KeySource {
    Text(Zeroizing<String>),
    /// A file that holds the key and nothing else, such as a mounted secret.
    File(PathBuf),
}

/// An API key that does not appear in `Debug` output and is zeroized on drop.
///
/// A key file is read again after the service rejected the key, so that a renewed key is picked up
/// without a restart.
pub(super) struct ApiKey {
    file: Option<PathBuf>,
    text: RwLock<Zeroizing<String>>,
}

/// Shorter keys are not redacted: they are no secrets, and redacting them would damage unrelated
/// text.
const SECRET_MIN_BYTES: usize = 16;
/// Replaces the key in texts.
const REDACTED: &str = "[key]";
/// Maximum bytes of a key. Keys of Auditrail are shorter; a proxy in front of the service may use
/// its own.
const MAX_BYTES: usize = 256;

impl ApiKey {
    /// Loads the key from its source.
    pub(super) fn load(source: KeySource) -> Result<Self, ClientError> {
        let (text, file) = match source {
            KeySource::Text(text) => (validated(&text, || "the given key".to_owned())?, None),
            KeySource::File(path) => (read(&path)?, Some(path)),
        };
        Ok(Self { file, text: RwLock::new(text) })
    }

    /// The value of the header `Authorization`, marked as sensitive.
    pub(super) fn authorization(&self) -> Result<HeaderValue, ClientError> {
        let text = self.text.read().unwrap_or_else(PoisonError::into_inner);
        let bearer = Zeroizing::new(format!("Bearer {}", text.as_str()));
        let mut value = HeaderValue::from_str(&bearer)
            .map_err(|_| ClientError::InvalidKey { place: "the given key".to_owned() })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Reads the key file again, after the service rejected the key. Blocks.
    ///
    /// On an error the old key is kept: the file may be about to be replaced. The rejections of the
    /// old key are reported to the callers.
    pub(super) fn refresh(&self) {
        if let Some(Ok(text)) = self.file.as_deref().map(read) {
            *self.text.write().unwrap_or_else(PoisonError::into_inner) = text;
        }
    }

    pub(super) fn is_from_file(&self) -> bool {
        self.file.is_some()
    }

    /// Redacts the key in a text.
    pub(super) fn redact(&self, text: &mut String) {
        let key = self.text.read().unwrap_or_else(PoisonError::into_inner);
        if key.len() >= SECRET_MIN_BYTES && text.contains(key.as_str()) {
            *text = text.replace(key.as_str(), REDACTED);
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str(REDACTED),
            Self::File(path) => path.fmt(f),
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, ClientError> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| ClientError::KeyFile { path: path.to_owned(), source })?;
    validated(text.trim(), || format!("the key file {}", path.display()))
}

/// Rejects texts that are not valid in a header; the error of the HTTP library would repeat the
/// key.
fn validated(text: &str, place: impl FnOnce() -> String) -> Result<Zeroizing<String>, ClientError> {
    let is_valid_length = (1..=MAX_BYTES).contains(&text.len());
    if !is_valid_length || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::InvalidKey { place: place() });
    }
    Ok(Zeroizing::new(text.to_owned()))
}
