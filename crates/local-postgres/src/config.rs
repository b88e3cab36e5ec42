//! The configuration of a private server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::event::Event;
use crate::install::Search;
use crate::loopback::Loopback;

/// A start takes about 0.1 s; recovery after a crash reads the WAL since the last checkpoint, which takes a
/// minute or two on a slow disk.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// A shutdown writes the shared buffers to disk: 128 MiB by default, seconds on a slow disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The guarantees after a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// No acknowledged write is lost: `fsync`, `full_page_writes` and `synchronous_commit` are on, regardless
    /// of configuration files.
    #[default]
    Durable,
    /// No guarantees, for tests only: all three are off, which makes creating databases several times faster.
    /// The directory is marked and never opened as durable.
    NoFsyncForTests,
}

/// Called for each [`Event`], on the thread that opens or closes the server.
pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// The configuration of a private PostgreSQL.
#[derive(Clone)]
pub struct Config {
    pub(crate) dir: PathBuf,
    pub(crate) search: Search,
    pub(crate) durability: Durability,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) loopback: Option<Loopback>,
    pub(crate) linger: Duration,
    pub(crate) start_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) on_event: Option<OnEvent>,
}

impl Config {
    /// A durable PostgreSQL with its data in `dir`, which is created if it is missing.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            search: Search::usual(),
            durability: Durability::Durable,
            settings: Vec::new(),
            loopback: None,
            linger: Duration::ZERO,
            start_timeout: START_TIMEOUT,
            stop_timeout: STOP_TIMEOUT,
            on_event: None,
        }
    }

    /// Sets where to search for PostgreSQL. Default: [`Search::usual`].
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }

    /// Sets the durability. Default: [`Durability::Durable`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Adds a server setting, such as `max_connections`. It applies when the server starts, not when a running
    /// one is shared.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Adds a listener on 127.0.0.1, with passwords. Default: the private socket only. It applies when the
    /// server starts; [`loopback_port`](crate::LocalPostgres::loopback_port) is the port of the running server.
    #[must_use]
    pub fn loopback(mut self, loopback: Loopback) -> Self {
        self.loopback = Some(loopback);
        self
    }

    /// Sets how long the server keeps running after its last user has closed it. Default: zero.
    ///
    /// Rounded up to seconds; a lower bound, which may double. Requires the watchdog; without it, the last user
    /// stops the server.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets the timeout for the server to accept connections, and for another program to finish starting or
    /// stopping it. Default: 180 s.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// Sets the timeout of a fast shutdown. Default: 60 s. After it, an immediate shutdown follows, which loses
    /// no data: the next start recovers.
    #[must_use]
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.stop_timeout = limit;
        self
    }

    /// Sets a callback for each [`Event`], to show progress.
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

    /// Rejects settings that would break the guarantees of this crate.
    pub(crate) fn check_settings(&self) -> Result<(), Error> {
        for (name, value) in &self.settings {
            let reject = |reason| Err(Error::Setting { name: name.clone(), reason });
            let lower = name.to_ascii_lowercase();
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if !lower.starts_with(|c: char| c.is_ascii_alphabetic())
                || !lower.chars().all(is_allowed)
            {
                return reject("a name consists of letters, digits, `_` and `.`");
            }
            if value.contains('\0') {
                return reject("its value contains a NUL");
            }
            if let Some((_, reason)) = RESERVED.iter().find(|(prefix, _)| lower.starts_with(prefix))
            {
                return reject(reason);
            }
        }
        Ok(())
    }
}

/// Prefixes of settings that callers cannot pass, and the reasons.
const RESERVED: &[(&str, &str)] = &[
    ("fsync", "without it acknowledged writes are lost; see `Durability`"),
    ("full_page_writes", "without it a power cut tears pages; see `Durability`"),
    ("synchronous_commit", "without it acknowledged writes are lost; see `Durability`"),
    ("listen_addresses", "use `Config::loopback` for a TCP listener"),
    ("unix_socket", "access control is by the private socket directory"),
    ("port", "servers are distinguished by their socket directory; see `Config::loopback`"),
    ("data_directory", "it is `pg` below the data directory"),
    ("hba_file", "access control is by the private socket directory"),
    ("ident_file", "access control is by the private socket directory"),
    ("config_file", "it is in the data directory"),
    ("external_pid_file", "it would not be removed"),
    ("logging_collector", "the log is `postgres.log` in the data directory"),
    ("log_destination", "the log is `postgres.log` in the data directory"),
    ("zero_damaged_pages", "it destroys data silently"),
    ("ignore_checksum_failure", "it hides damage"),
];

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("dir", &self.dir)
            .field("search", &self.search)
            .field("durability", &self.durability)
            .field("settings", &self.settings)
            .field("loopback", &self.loopback)
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
    fn reserved_settings_are_rejected_in_any_case() {
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
