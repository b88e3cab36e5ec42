//! Errors, with the next step for the user.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::client::QueryError;
use crate::searched::SearchedDir;
use crate::version::Version;

/// A private PostgreSQL could not be found, created, started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable PostgreSQL on this machine.
    #[error("no PostgreSQL {} or newer was found.\nSearched:\n{}\nTo install it: {}.\nOr specify the directory that contains `postgres` and `initdb`.",
        Version::OLDEST_MAJOR, SearchedDir::list(.searched), crate::searched::HOW_TO_INSTALL)]
    NotFound {
        /// The searched directories, and why each was rejected.
        searched: Vec<SearchedDir>,
    },
    /// The explicit directory is not a usable installation.
    #[error("{} is not a usable PostgreSQL installation: {reason}. Specify the directory that contains `postgres` and `initdb`, version {} or newer", .dir.display(), Version::OLDEST_MAJOR)]
    BinDir {
        /// The directory.
        dir: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The data belongs to another major version.
    #[error("the data in {} belongs to PostgreSQL {cluster}, but only {} was found. Install PostgreSQL {cluster}, or export the data with it (`pg_dump`) and import it into a new directory", .dir.display(), list_versions(.found))]
    OtherMajor {
        /// The data directory.
        dir: PathBuf,
        /// Major version of the cluster.
        cluster: u16,
        /// The versions that are installed.
        found: Vec<Version>,
    },
    /// The directory cannot be used.
    #[error("{} cannot be used as a data directory: {reason}", .dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// The reason.
        reason: String,
    },
    /// PostgreSQL refuses to run as root, and there is no other user to run it as.
    #[error(
        "PostgreSQL does not run as root, and this machine has no user `postgres` to run it as. Create one (`useradd --system postgres`), start this program as an ordinary user, or give the data directory to the user that shall run it (`chown`). The user `nobody` is not used, because every program that runs as `nobody` could change the data"
    )]
    NoAccount,
    /// The user that the server runs as has no access to a required path.
    #[error("PostgreSQL does not run as root, so it runs as user `{user}`, who has no access to {}: {} is not traversable by others. Use another directory (such as one under /var/lib), or allow access with `chmod o+x`", .path.display(), .blocked.display())]
    Unreachable {
        /// The required path.
        path: PathBuf,
        /// The ancestor that denies access.
        blocked: PathBuf,
        /// Name of the user.
        user: String,
    },
    /// The socket directory exists and is not private.
    #[error("{} cannot be used for the socket: {reason}. Remove it, set XDG_RUNTIME_DIR to a private directory, or use a data directory with a shorter path", .dir.display())]
    SocketDirectory {
        /// The socket directory.
        dir: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A server setting is reserved by this crate, or its name is invalid.
    #[error("the server setting {name:?} cannot be passed: {reason}")]
    Setting {
        /// Name of the setting.
        name: String,
        /// The reason.
        reason: &'static str,
    },
    /// PostgreSQL would truncate or reject the name of a database.
    #[error(
        "the database name {name:?} is invalid: it must be 1 to 63 bytes without control characters"
    )]
    DatabaseName {
        /// The name.
        name: String,
    },
    /// Another program held a lock until the timeout.
    #[error("another program locked {} for {} s ({what}). Retry, or find it with `fuser {}`", .dir.display(), .waited.as_secs(), .lock.display())]
    Busy {
        /// The data directory.
        dir: PathBuf,
        /// The lock.
        lock: PathBuf,
        /// What the other program does.
        what: &'static str,
        /// The duration of the wait.
        waited: Duration,
    },
    /// Other programs use the server.
    #[error("the server in {} is in use by another program", .dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// `initdb` failed; its output contains the reason.
    #[error("could not create a database cluster in {}: initdb {}{}", .dir.display(), exit_text(.status.as_ref()), quoted(.output))]
    Initdb {
        /// The data directory.
        dir: PathBuf,
        /// Its exit status; `None` after a timeout.
        status: Option<ExitStatus>,
        /// The end of its output.
        output: String,
    },
    /// The server exited during its start; the end of its log contains the reason.
    #[error("PostgreSQL {} while starting; its log is {}{}", exit_text(.status.as_ref()), .log.display(), quoted(.output))]
    Died {
        /// Its exit status, if known.
        status: Option<ExitStatus>,
        /// The path of the log.
        log: PathBuf,
        /// The end of the log of this attempt.
        output: String,
    },
    /// The server did not accept connections in time.
    #[error("PostgreSQL did not accept connections within {} s; its log is {}{}", .waited.as_secs(), .log.display(), quoted(.output))]
    StartTimeout {
        /// The duration of the wait.
        waited: Duration,
        /// The path of the log.
        log: PathBuf,
        /// The end of the log of this attempt.
        output: String,
    },
    /// The server did not stop in time, even by an immediate shutdown.
    #[error("PostgreSQL (process {pid}) in {} did not stop within {} s", .dir.display(), .waited.as_secs())]
    StopTimeout {
        /// The data directory.
        dir: PathBuf,
        /// Process id of the server; 0 if unknown.
        pid: u32,
        /// The duration of the wait.
        waited: Duration,
    },
    /// The running server has fsync off.
    #[error("the server running in {} has fsync off and may lose acknowledged writes. Stop it and start again; this data directory is not safe for real data", .dir.display())]
    FsyncOff {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory was used with fsync off, so its data may be corrupt.
    #[error("{} was used with fsync off, for tests, so a power failure may have corrupted its data. Use another directory for real data", .dir.display())]
    NotDurable {
        /// The data directory.
        dir: PathBuf,
    },
    /// The server on the socket serves another data directory.
    #[error("the server on {} serves {serves:?}, not {}", .socket.display(), .expected.display())]
    OtherData {
        /// The socket directory.
        socket: PathBuf,
        /// The data directory of the server.
        serves: String,
        /// The data directory that was expected.
        expected: PathBuf,
    },
    /// A query of the running server failed.
    #[error("could not {doing}")]
    Query {
        /// The failed operation.
        doing: String,
        /// The error.
        source: QueryError,
    },
    /// An I/O operation failed.
    #[error("could not {doing} {}", .path.display())]
    Io {
        /// The failed operation.
        doing: &'static str,
        /// Its path.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an [`Error::Io`] about `path`.
    pub(crate) fn io<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl Fn(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path: path.clone(), source: source.into() }
    }
}

fn list_versions(versions: &[Version]) -> String {
    let texts: Vec<String> = versions.iter().map(ToString::to_string).collect();
    format!("PostgreSQL {}", texts.join(", "))
}

fn exit_text(status: Option<&ExitStatus>) -> String {
    status.map_or_else(|| "timed out".to_owned(), |status| format!("exited with {status}"))
}

/// The output of a program, indented; empty if there is none.
fn quoted(output: &str) -> String {
    output.trim().lines().map(|line| format!("\n    {line}")).collect()
}
