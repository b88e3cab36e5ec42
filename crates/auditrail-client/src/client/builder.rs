//! Configuration of a client.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Client;
use super::key::{ApiKey, KeySource};
use super::transport::Transport;
use crate::error::ClientError;

/// Default timeout of a call; longer than the default timeout of the service, 60 s.
const TIMEOUT: Duration = Duration::from_secs(65);
/// Default timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Configuration of a client; [`Client::builder`] starts one.
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    key: Option<KeySource>,
    timeout: Duration,
    connect_timeout: Duration,
}

impl ClientBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), key: None, timeout: TIMEOUT, connect_timeout: CONNECT_TIMEOUT }
    }

    /// Reads the base URL from `AUDITRAIL_URL`, and the key from `AUDITRAIL_KEY` or the file that
    /// `AUDITRAIL_KEY_FILE` names. Empty values count as not set.
    ///
    /// # Errors
    /// [`ClientError::Url`] without a URL, [`ClientError::NoKey`] without a key, and
    /// [`ClientError::ConflictingSettings`] with two.
    pub fn from_env() -> Result<Self, ClientError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ClientError> {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        let missing = "is missing: set AUDITRAIL_URL";
        let url = set("AUDITRAIL_URL").ok_or(ClientError::Url { reason: missing })?;
        match (set("AUDITRAIL_KEY").map(Zeroizing::new), set("AUDITRAIL_KEY_FILE")) {
            (Some(key), None) => Ok(Self::new(&url).key(&key)),
            (None, Some(file)) => Ok(Self::new(&url).key_file(file)),
            (None, None) => Err(ClientError::NoKey),
            (Some(_), Some(_)) => Err(ClientError::ConflictingSettings {
                one: "AUDITRAIL_KEY",
                other: "AUDITRAIL_KEY_FILE",
            }),
        }
    }

    /// Sets the API key. The client zeroizes its copy on drop; zeroizing the argument is up to the
    /// caller.
    pub fn key(self, key: &str) -> Self {
        Self { key: Some(KeySource::Text(Zeroizing::new(key.to_owned()))), ..self }
    }

    /// Sets a file that contains only the API key, such as a mounted secret. It is read again when
    /// the service rejects the key.
    pub fn key_file(self, path: impl Into<PathBuf>) -> Self {
        Self { key: Some(KeySource::File(path.into())), ..self }
    }

    /// Sets the timeout of a call. Default 65 s; the service itself times out after 60 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets the timeout of connecting, not counting name resolution. Default 5 s.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Creates the client. Reads the key file and, for https, the system's root certificates;
    /// connects only when used.
    ///
    /// # Errors
    /// When a setting is invalid or a file cannot be read.
    pub fn build(self) -> Result<Client, ClientError> {
        let key = ApiKey::load(self.key.ok_or(ClientError::NoKey)?)?;
        let transport = Transport::new(&self.url, key, self.timeout, self.connect_timeout)?;
        Ok(Client::new(transport))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<ClientBuilder, ClientError> {
        let lookup = |name: &str| pairs.iter().find(|pair| pair.0 == name);
        ClientBuilder::from_lookup(|name| lookup(name).map(|pair| pair.1.to_owned()))
    }

    #[test]
    fn from_env_reads_url_and_key() {
        let url = ("AUDITRAIL_URL", "http://127.0.0.1:1/base/");
        let builder = from(&[url, ("AUDITRAIL_KEY", "adt_secret")]).unwrap();
        assert!(!format!("{builder:?}").contains("secret"));
        let client = builder.build().unwrap();
        assert!(!format!("{client:?}").contains("secret"));
        assert!(format!("{client:?}").contains("http://127.0.0.1:1/base"));
    }

    #[test]
    fn missing_and_conflicting_settings_are_rejected() {
        let url = ("AUDITRAIL_URL", "http://127.0.0.1:1");
        let key = ("AUDITRAIL_KEY", "k");
        let file = ("AUDITRAIL_KEY_FILE", "/none/such");
        assert!(matches!(from(&[key]), Err(ClientError::Url { .. })));
        assert!(matches!(from(&[url, ("AUDITRAIL_KEY", "")]), Err(ClientError::NoKey)));
        assert!(matches!(from(&[url, key, file]), Err(ClientError::ConflictingSettings { .. })));
        let unread = from(&[url, file]).unwrap().build();
        assert!(matches!(unread, Err(ClientError::KeyFile { .. })));
    }

    #[test]
    fn errors_do_not_repeat_invalid_urls_or_keys() {
        for (url, key) in [
            ("ftp://host", "k"),
            ("http://user:secret@host", "k"),
            ("http://host?secret", "k"),
            ("no url secret", "k"),
            ("http://host", "secret\nkey"),
            ("http://host", ""),
        ] {
            let error = Client::builder(url).key(key).build().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
}
