//! What can go wrong, and what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::client::AskError;
use crate::install::{Looked, Version};

/// Why a private PostgreSQL could not be found, made, started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable PostgreSQL on this machine. Install one, or name its directory.
    #[error("no PostgreSQL {} or newer was found.\nLooked in:\n{}\nTo install it: {}.\nOr name the directory that holds `postgres` and `initdb`.",
        Version::OLDEST_MAJOR, Looked::list(.looked), crate::install::HOW_TO_INSTALL)]
    NotFound {
        /// Each directory that was looked at, and what was there.
        looked: Vec<Looked>,
    },
    /// The directory that was named explicitly is not a usable installation. Correct it.
    #[error("{} is not a usable PostgreSQL installation: {reason}. Name the directory that holds `postgres` and `initdb`, version {} or newer", .dir.display(), Version::OLDEST_MAJOR)]
    BinDir {
        /// The directory as it was given.
        dir: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data was written by another major version. Install that one, or move the data over.
    #[error("the data in {} was made by PostgreSQL {cluster}, and only {} was found. Install PostgreSQL {cluster}, or export the data with it (`pg_dump`) and import it into a new directory", .dir.display(), list_versions(.found))]
    OtherMajor {
        /// The data directory.
        dir: PathBuf,
        /// Major version that made it.
        cluster: u16,
        /// The versions that are installed.
        found: Vec<Version>,
    },
    /// The directory cannot hold a private PostgreSQL. Choose another one.
    #[error("{} cannot be used as a data directory: {reason}", .dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
    /// PostgreSQL refuses to run as root, and there is no user to run it as instead.
    #[error(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor a user `nobody` to run it as. Start this program as an ordinary user"
    )]
    NoAccount,
    /// The user that the server runs as cannot get to a place it needs. Open the path to it, or
    /// use another place.
    #[error("PostgreSQL does not run as root, so it runs as user `{user}`, who cannot get to {}: {} does not let others through. Use another directory (such as one under /var/lib), or allow it with `chmod o+x`", .path.display(), .blocked.display())]
    Unreachable {
        /// What the user has to get to.
        path: PathBuf,
        /// The directory on the way that stops them.
        blocked: PathBuf,
        /// Name of the user.
        user: String,
    },
    /// The socket directory exists, and is not safely ours. Remove it, or set `XDG_RUNTIME_DIR`.
    #[error("{} cannot be used for the socket: {reason}. Remove it, set XDG_RUNTIME_DIR to a private directory, or use a data directory with a shorter path", .dir.display())]
    SocketDirectory {
        /// The socket directory.
        dir: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A server setting was passed that this crate decides itself, or that is not a setting.
    #[error("the server setting {name:?} cannot be passed: {reason}")]
    Setting {
        /// Name of the setting.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A name that PostgreSQL would cut or refuse.
    #[error(
        "{name:?} cannot be the name of a database: it must be 1 to 63 bytes without control characters"
    )]
    DatabaseName {
        /// The name.
        name: String,
    },
    /// Another program is starting, stopping or making the cluster for longer than we wait.
    #[error("another program kept {} busy for {} s ({what}). Try again, or find it with `fuser {}`", .dir.display(), .waited.as_secs(), .lock.display())]
    Busy {
        /// The data directory.
        dir: PathBuf,
        /// The lock that could not be had.
        lock: PathBuf,
        /// What was waited for.
        what: &'static str,
        /// For how long.
        waited: Duration,
    },
    /// Other programs use the server, and the caller asked not to disturb them.
    #[error("the server in {} is in use by another program", .dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// `initdb` failed. Its own words say why.
    #[error("could not make a database cluster in {}: initdb {}{}", .dir.display(), ended(.status.as_ref()), quoted(.output))]
    Initdb {
        /// The data directory.
        dir: PathBuf,
        /// How it ended; `None` when it was stopped for taking too long.
        status: Option<ExitStatus>,
        /// The end of what it printed.
        output: String,
    },
    /// The server ended while it was starting. The end of its log says why.
    #[error("PostgreSQL {} while starting; its log is {}{}", ended(.status.as_ref()), .log.display(), quoted(.output))]
    Died {
        /// How it ended, when that is known.
        status: Option<ExitStatus>,
        /// The whole log.
        log: PathBuf,
        /// The end of the log of this attempt.
        output: String,
    },
    /// The server did not accept connections in time.
    #[error("PostgreSQL did not accept connections within {} s; its log is {}{}", .waited.as_secs(), .log.display(), quoted(.output))]
    StartTimeout {
        /// For how long we waited.
        waited: Duration,
        /// The whole log.
        log: PathBuf,
        /// The end of the log of this attempt.
        output: String,
    },
    /// The server did not end in time, even when told to drop everything.
    #[error("PostgreSQL (process {pid}) in {} did not stop within {} s", .dir.display(), .waited.as_secs())]
    StopTimeout {
        /// The data directory.
        dir: PathBuf,
        /// Process id of the server; 0 when it is not known.
        pid: u32,
        /// For how long we waited.
        waited: Duration,
    },
    /// The running server may lose acknowledged writes. Stop it; then open again.
    #[error("the server running in {} has fsync off and may lose acknowledged writes. Stop it and start again; this data directory is not safe for real data", .dir.display())]
    FsyncOff {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory was used with fsync off, so what it holds may be torn. Use another one.
    #[error("{} was used with fsync off, for tests, so a power cut may have torn what it holds. Use another directory for real data", .dir.display())]
    NotDurable {
        /// The data directory.
        dir: PathBuf,
    },
    /// A server answers on our socket and serves other data.
    #[error("the server on {} serves {serves:?}, not {}", .socket.display(), .expected.display())]
    OtherData {
        /// The socket directory.
        socket: PathBuf,
        /// What the server says its data directory is.
        serves: String,
        /// The data directory that was expected.
        expected: PathBuf,
    },
    /// The running server could not be asked something.
    #[error("could not {doing}")]
    Ask {
        /// What was tried.
        doing: String,
        /// What came back.
        source: AskError,
    },
    /// The operating system refused something.
    #[error("could not {doing} {}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an [`Error::Io`] about `path`.
    pub(crate) fn io<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl Fn(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path: path.clone(),
            source: source.into(),
        }
    }
}

fn list_versions(versions: &[Version]) -> String {
    let texts: Vec<String> = versions.iter().map(ToString::to_string).collect();
    format!("PostgreSQL {}", texts.join(", "))
}

fn ended(status: Option<&ExitStatus>) -> String {
    status.map_or_else(
        || "took too long".to_owned(),
        |status| format!("ended with {status}"),
    )
}

/// What a program printed, indented, or nothing when it printed nothing.
fn quoted(output: &str) -> String {
    output
        .trim()
        .lines()
        .map(|line| format!("\n    {line}"))
        .collect()
}
