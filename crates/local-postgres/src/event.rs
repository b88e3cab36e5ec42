//! What happens while opening and closing, for a program that wants to tell its user.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::install::Version;

/// Something that happened while a server was opened or closed. `Display` is a short sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Another program starts or stops the server; we wait for it.
    Waiting {
        /// What for.
        what: &'static str,
    },
    /// There is no cluster yet; `initdb` makes one. This takes a few seconds.
    MakingCluster {
        /// Where.
        dir: PathBuf,
        /// By which version.
        version: Version,
    },
    /// `initdb` is done.
    MadeCluster {
        /// How long it took.
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
        /// How long it took.
        took: Duration,
    },
    /// A server was already running, and is shared.
    Shared {
        /// Its process id.
        pid: u32,
    },
    /// The cluster has no checksums, so damage by the disk will not be noticed. Clusters made by
    /// this crate have them.
    NoChecksums,
    /// There is no `flock` program, so nothing stops the server if all its users are killed. The
    /// next one to open it takes it over.
    NoWatchdog,
    /// We are the last user; the server is being stopped.
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
                    "making a database cluster in {} with PostgreSQL {version}",
                    dir.display()
                )
            }
            Self::MadeCluster { took } => write!(f, "made the cluster in {took:.1?}"),
            Self::Starting { version } => write!(f, "starting PostgreSQL {version}"),
            Self::Started { pid, took } => write!(f, "started (process {pid}) in {took:.1?}"),
            Self::Shared { pid } => write!(f, "sharing the running server (process {pid})"),
            Self::NoChecksums => write!(
                f,
                "the cluster has no checksums: damage by the disk will not be noticed"
            ),
            Self::NoWatchdog => write!(
                f,
                "there is no `flock` program: a server whose users are all killed stays until it is next used"
            ),
            Self::Stopping { pid } => write!(f, "stopping the server (process {pid})"),
        }
    }
}
