//! What a caller can choose.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::event::Event;
use crate::install::Search;

/// Starting takes a tenth of a second; recovery after a crash reads at most what was written
/// since the last checkpoint, which is a minute or two on a slow disk.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// Stopping writes out what is in memory: 128 MiB by default, seconds on a slow disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// What a power cut may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing that was acknowledged: `fsync`, `full_page_writes` and `synchronous_commit` are
    /// on, whatever the configuration files say.
    #[default]
    Durable,
    /// Everything. For tests only: all three are off, which makes creating databases several
    /// times faster. A directory that was used like this is marked and never opened as durable.
    NoFsyncForTests,
}

/// Called for each [`Event`], on the thread that opens or closes.
pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// How to open a private PostgreSQL: where its data is, and what differs from the defaults.
#[derive(Clone)]
pub struct Config {
    pub(crate) dir: PathBuf,
    pub(crate) search: Search,
    pub(crate) durability: Durability,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) loopback_port: Option<u16>,
    pub(crate) linger: Duration,
    pub(crate) start_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) on_event: Option<OnEvent>,
}

impl Config {
    /// A durable PostgreSQL whose data is below `dir`. The directory is made when it is missing.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            search: Search::usual(),
            durability: Durability::Durable,
            settings: Vec::new(),
            loopback_port: None,
            linger: Duration::ZERO,
            start_timeout: START_TIMEOUT,
            stop_timeout: STOP_TIMEOUT,
            on_event: None,
        }
    }

    /// Where to look for PostgreSQL; [`Search::usual`] unless said.
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }

    /// What a power cut may cost; nothing unless said.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// A server setting, such as `max_connections`. It counts when the server is started, not
    /// when one that is running is shared.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// For tests and measurements only: the server also accepts TCP connections on this port of
    /// 127.0.0.1, from anyone on this machine and without a password.
    ///
    /// It counts when the server is started, not when one that is running is shared.
    #[must_use]
    pub fn loopback_for_tests(mut self, port: u16) -> Self {
        self.loopback_port = Some(port);
        self
    }

    /// For how long the server stays after its last user has left; not at all unless said.
    ///
    /// It is rounded up to seconds and is the least: it may become twice as long. Needs the
    /// watchdog; without one the last user stops the server.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Longest wait for a server to accept connections, or for another program to finish
    /// starting or stopping it; 180 s unless said.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// Longest wait for a server to write everything out and end, 60 s unless said. After it the
    /// server is told to end at once, which loses nothing: its next start recovers.
    #[must_use]
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.stop_timeout = limit;
        self
    }

    /// Called for each [`Event`], so that a program can say why it takes a moment.
    #[must_use]
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(on_event));
        self
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn emit(&self, event: &Event) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }

    /// Refuses settings that would undo what this crate promises.
    pub(crate) fn check_settings(&self) -> Result<(), Error> {
        for (name, value) in &self.settings {
            let refuse = |reason| Err(Error::Setting { name: name.clone(), reason });
            let lower = name.to_ascii_lowercase();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if !lower.starts_with(|c: char| c.is_ascii_alphabetic()) || !lower.chars().all(plain) {
                return refuse("a setting is made of letters, digits, `_` and `.`");
            }
            if value.contains('\0') {
                return refuse("its value contains a NUL");
            }
            if let Some((_, reason)) =
                DECIDED_HERE.iter().find(|(prefix, _)| lower.starts_with(prefix))
            {
                return refuse(reason);
            }
        }
        Ok(())
    }
}

/// Begin of the names of settings that callers cannot pass, and why.
const DECIDED_HERE: &[(&str, &str)] = &[
    ("fsync", "without it acknowledged writes are lost; see `Durability`"),
    ("full_page_writes", "without it a power cut tears pages; see `Durability`"),
    ("synchronous_commit", "without it acknowledged writes are lost; see `Durability`"),
    ("listen_addresses", "the server is reachable through its private socket only"),
    ("unix_socket", "the private socket directory is the server's access control"),
    ("port", "it is fixed; the socket directory tells servers apart"),
    ("data_directory", "it is `pg` below the data directory"),
    ("hba_file", "the private socket directory is the server's access control"),
    ("ident_file", "the private socket directory is the server's access control"),
    ("config_file", "it is in the data directory"),
    ("external_pid_file", "it would be left behind"),
    ("logging_collector", "the log is `postgres.log` in the data directory"),
    ("log_destination", "the log is `postgres.log` in the data directory"),
    ("zero_damaged_pages", "it destroys data without a word"),
    ("ignore_checksum_failure", "it hides damage"),
];

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("dir", &self.dir)
            .field("search", &self.search)
            .field("durability", &self.durability)
            .field("settings", &self.settings)
            .field("loopback_port", &self.loopback_port)
            .field("linger", &self.linger)
            .field("start_timeout", &self.start_timeout)
            .field("stop_timeout", &self.stop_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_undo_a_promise_are_refused_in_any_case() {
        for name in ["fsync", "FSYNC", "listen_addresses", "unix_socket_directories", "port"] {
            let error = Config::new("/d").setting(name, "off").check_settings().unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        for name in ["", "a=b -c fsync", "-c", "1a", "fsync "] {
            assert!(Config::new("/d").setting(name, "1").check_settings().is_err(), "{name:?}");
        }
    }

    #[test]
    fn ordinary_settings_pass() {
        let config = Config::new("/d").setting("max_connections", "20").setting("myapp.x", "'");
        config.check_settings().unwrap();
    }
}
