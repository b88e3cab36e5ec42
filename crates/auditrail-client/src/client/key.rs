//! The API key: where it comes from, and that it shows nowhere.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::{fmt, fs};

use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use crate::error::ClientError;

/// Where the key is.
pub(super) enum KeySource {
    /// The key itself.
    Text(Zeroizing<String>),
    /// A file that holds the key and nothing else, such as a mounted secret.
    File(PathBuf),
}

/// A key that cannot be printed by accident, and is wiped from memory in the end.
///
/// One from a file is read again after the service refused it, so that a renewed key is taken up
/// without a restart.
pub(super) struct Key {
    file: Option<PathBuf>,
    text: RwLock<Zeroizing<String>>,
}

/// A shorter text is no secret, and taking it out would spoil what is none of it.
const SECRET_MIN_BYTES: usize = 16;
/// What stands where the key stood.
const HIDDEN: &str = "[key]";
/// Most bytes of a key. Ours are shorter; somebody may put another check before the service.
const MAX_BYTES: usize = 256;

impl Key {
    /// Finds the key. Reads a file.
    pub(super) fn find(source: KeySource) -> Result<Self, ClientError> {
        let (text, file) = match source {
            KeySource::Text(text) => (checked(&text, || "the given text".to_owned())?, None),
            KeySource::File(path) => (read(&path)?, Some(path)),
        };
        Ok(Self { file, text: RwLock::new(text) })
    }

    /// The value of the header `Authorization`, marked so that nobody prints it.
    pub(super) fn authorization(&self) -> Result<HeaderValue, ClientError> {
        let text = self.text.read().unwrap_or_else(PoisonError::into_inner);
        let bearer = Zeroizing::new(format!("Bearer {}", text.as_str()));
        let value = HeaderValue::from_str(&bearer);
        let mut value =
            value.map_err(|_| ClientError::BadKey { place: "the given text".to_owned() })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The service refused the key: reads the file again, if it comes from one. Blocks.
    ///
    /// Where that fails the file may be about to be replaced. The old key goes on being refused, which
    /// is told.
    pub(super) fn refresh(&self) {
        if let Some(Ok(text)) = self.file.as_deref().map(read) {
            *self.text.write().unwrap_or_else(PoisonError::into_inner) = text;
        }
    }

    /// Whether it comes from a file.
    pub(super) fn is_from_file(&self) -> bool {
        self.file.is_some()
    }

    /// Takes the key out of a text, where it is long enough to be a secret.
    pub(super) fn hide(&self, text: &mut String) {
        let key = self.text.read().unwrap_or_else(PoisonError::into_inner);
        if key.len() >= SECRET_MIN_BYTES && text.contains(key.as_str()) {
            *text = text.replace(key.as_str(), HIDDEN);
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str(HIDDEN),
            Self::File(path) => path.fmt(f),
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, ClientError> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| ClientError::KeyFile { path: path.to_owned(), source })?;
    checked(text.trim(), || format!("the key file {}", path.display()))
}

/// A header takes no line break, and the error about one would repeat the key.
fn checked(text: &str, place: impl FnOnce() -> String) -> Result<Zeroizing<String>, ClientError> {
    let fits = (1..=MAX_BYTES).contains(&text.len());
    if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::BadKey { place: place() });
    }
    Ok(Zeroizing::new(text.to_owned()))
}
