//! Progress events of opening and closing.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::version::Version;

/// An event while a server is opened or closed. `Display` is a short sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Waiting for another program that starts or stops the server.
    Waiting {
        /// What the other program does.
        what: &'static str,
    },
    /// There is no cluster yet; `initdb` creates one, which takes a few seconds.
    MakingCluster {
        /// The cluster.
        dir: PathBuf,
        /// Its version.
        version: Version,
    },
    /// `initdb` has finished.
    MadeCluster {
        /// The duration.
        took: Duration,
    },
    /// The server is being started.
    Starting {
        /// Its version.
        version: Version,
    },
    /// The server accepts connections.
    Started {
        /// Its process id.
        pid: u32,
        /// The duration.
        took: Duration,
    },
    /// A server was already running, and is shared.
    Shared {
        /// Its process id.
        pid: u32,
    },
    /// The cluster has no checksums, so disk corruption is not detected. Clusters created by this crate have
    /// them.
    NoChecksums,
    /// There is no `flock` program, so the server keeps running if all its users are killed. The next program
    /// to open it takes it over.
    NoWatchdog,
    /// The last user is closing; the server is being stopped.
    Stopping {
        /// Its process id.
        pid: u32,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { what } => write!(f, "waiting for another program ({what})"),
            Self::MakingCluster { dir, version } => {
                write!(
                    f,
                    "creating a database cluster in {} with PostgreSQL {version}",
                    dir.display()
                )
            }
            Self::MadeCluster { took } => write!(f, "created the cluster in {took:.1?}"),
            Self::Starting { version } => write!(f, "starting PostgreSQL {version}"),
            Self::Started { pid, took } => write!(f, "started (process {pid}) in {took:.1?}"),
            Self::Shared { pid } => write!(f, "sharing the running server (process {pid})"),
            Self::NoChecksums => {
                write!(f, "the cluster has no checksums: disk corruption is not detected")
            }
            Self::NoWatchdog => write!(
                f,
                "there is no `flock` program: a server whose users are all killed keeps running until its next use"
            ),
            Self::Stopping { pid } => write!(f, "stopping the server (process {pid})"),
        }
    }
}
