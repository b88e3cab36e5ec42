//! Key files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tlog::{Algorithm, KeyName, SigningKey, VerifierKey};
use zeroize::Zeroizing;

use crate::error::SignerError;
use crate::file::{read, replace};
use crate::random::seed;

/// What a new key file begins with.
const HEADER: &str = "# The signing key of an audit log. Keep it secret, and on one host only; `auditrail log-key` changes it.\n";

/// The keys of a key file, newest first. There is at least one, and all have one name.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
    keys: Vec<SigningKey>,
}

impl KeyFile {
    /// With a new key of this name. It is not on disk yet.
    pub(crate) fn new(path: &Path, origin: &KeyName) -> Result<Self, SignerError> {
        Ok(Self { path: path.to_owned(), keys: vec![new_key(origin)?] })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`SignerError`] if it cannot be read, others can read it, or it has no keys of one name.
    pub fn open(path: &Path) -> Result<Self, SignerError> {
        let metadata = fs::metadata(path).map_err(SignerError::io("read the signing key", path))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SignerError::Readable { path: path.to_owned(), mode });
        }
        let bytes = read(path).map_err(SignerError::io("read the signing key", path))?;
        let bytes = Zeroizing::new(bytes);
        let wrong = |problem| SignerError::KeyFile { path: path.to_owned(), problem };
        let text = str::from_utf8(&bytes).map_err(|_| wrong("is not text"))?;
        let mut keys: Vec<SigningKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line_error =
                |source| SignerError::Line { path: path.to_owned(), line: index + 1, source };
            keys.push(SigningKey::from_secret_text(line).map_err(line_error)?);
        }
        let verifiers: Vec<VerifierKey> = keys.iter().map(SigningKey::verifier).collect();
        let Some(first) = verifiers.first() else { return Err(wrong("has no key")) };
        if verifiers.iter().any(|key| key.name() != first.name()) {
            return Err(wrong("has keys of different names"));
        }
        if verifiers.iter().any(|key| key.algorithm() != Algorithm::Ed25519) {
            return Err(wrong("has the key of a witness, which does not sign for a log"));
        }
        Ok(Self { path: path.to_owned(), keys })
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> KeyName {
        self.keys[0].verifier().name().clone()
    }

    /// The keys that verify the signatures, newest first.
    #[must_use]
    pub fn verifiers(&self) -> Vec<VerifierKey> {
        self.keys.iter().map(SigningKey::verifier).collect()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// Adds a new key of the same name, which signs together with the others.
    pub(crate) fn add(&mut self) -> Result<(), SignerError> {
        self.keys.insert(0, new_key(&self.origin())?);
        replace(&self.path, self.text().as_bytes())
    }

    /// Removes all keys but the newest; the number of those removed.
    pub(crate) fn retire(&mut self) -> Result<usize, SignerError> {
        let retired = self.keys.len() - 1;
        self.keys.truncate(1);
        replace(&self.path, self.text().as_bytes())?;
        Ok(retired)
    }

    pub(crate) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(HEADER.to_owned());
        for key in &self.keys {
            text.push_str(&Zeroizing::new(key.to_secret_text()));
            text.push('\n');
        }
        text
    }
}

fn new_key(origin: &KeyName) -> Result<SigningKey, SignerError> {
    Ok(SigningKey::from_seed(origin.clone(), Algorithm::Ed25519, &*seed()?))
}
