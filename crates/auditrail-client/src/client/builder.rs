//! What a client can be told.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Client;
use super::key::{Key, KeySource};
use super::transport::Transport;
use crate::error::ClientError;

/// How long a call may take: the service itself gives up after 60 s unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(65);
/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client can be told; [`Client::builder`] starts one.
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
        let (timeout, connect_timeout) = (TIMEOUT, CONNECT_TIMEOUT);
        Self { url: url.to_owned(), key: None, timeout, connect_timeout }
    }

    /// The service and the key as the environment has them: `AUDITRAIL_URL`, and `AUDITRAIL_KEY` or
    /// `AUDITRAIL_KEY_FILE`. One that is empty counts as not set.
    ///
    /// # Errors
    /// [`ClientError::Url`] without an address, [`ClientError::NoKey`] without a key, and
    /// [`ClientError::Both`] when there are two.
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
            (Some(_), Some(_)) => {
                Err(ClientError::Both { one: "AUDITRAIL_KEY", other: "AUDITRAIL_KEY_FILE" })
            }
        }
    }

    /// The API key. It is kept where it is wiped in the end; wiping the argument is the caller's part.
    pub fn key(self, key: &str) -> Self {
        Self { key: Some(KeySource::Text(Zeroizing::new(key.to_owned()))), ..self }
    }

    /// A file that holds the API key and nothing else, such as a mounted secret. It is read again when
    /// the service refuses the key.
    pub fn key_file(self, path: impl Into<PathBuf>) -> Self {
        Self { key: Some(KeySource::File(path.into())), ..self }
    }

    /// How long a call may take as a whole. Default 65 s: the service gives up after 60 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long making a connection may take, once its address is found. Default 5 s.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Makes the client. Reads the file of the key and, for https, the certificates that the system
    /// trusts, and connects to nothing yet.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn build(self) -> Result<Client, ClientError> {
        let key = Key::find(self.key.ok_or(ClientError::NoKey)?)?;
        let transport = Transport::new(&self.url, key, self.timeout, self.connect_timeout)?;
        Ok(Client::over(transport))
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
    fn the_environment_says_where_the_service_is_and_who_we_are() {
        let url = ("AUDITRAIL_URL", "http://127.0.0.1:1/base/");
        let builder = from(&[url, ("AUDITRAIL_KEY", "adt_secret")]).unwrap();
        assert!(!format!("{builder:?}").contains("secret"));
        let client = builder.build().unwrap();
        assert!(!format!("{client:?}").contains("secret"));
        assert!(format!("{client:?}").contains("http://127.0.0.1:1/base"));
    }

    #[test]
    fn what_is_missing_or_said_twice_is_refused() {
        let url = ("AUDITRAIL_URL", "http://127.0.0.1:1");
        let (key, file) = (("AUDITRAIL_KEY", "k"), ("AUDITRAIL_KEY_FILE", "/none/such"));
        assert!(matches!(from(&[key]), Err(ClientError::Url { .. })));
        assert!(matches!(from(&[url, ("AUDITRAIL_KEY", "")]), Err(ClientError::NoKey)));
        assert!(matches!(from(&[url, key, file]), Err(ClientError::Both { .. })));
        let unread = from(&[url, file]).unwrap().build();
        assert!(matches!(unread, Err(ClientError::KeyFile { .. })));
    }

    #[test]
    fn a_bad_address_or_key_is_refused_without_repeating_it() {
        for (url, key) in [
            ("ftp://host", "k"),
            ("http://user:secret@host", "k"),
            ("http://host?secret", "k"),
            ("no url secret", "k"),
            ("http://host", "secret\nkey"),
            ("http://host", ""),
        ] {
            let refused = Client::builder(url).key(key).build().unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("secret"), "{refused:?}");
        }
    }
}
