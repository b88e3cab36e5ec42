//! File descriptors: as many connections as the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::output::Output;

/// Descriptors of everything but connections: standard streams, listeners, the runtime, logs, traces, and the
/// files of a private PostgreSQL.
const FIXED: u64 = 32;
/// Descriptors of the writer and readiness checks, and some for database connections that are being replaced.
const DATABASE: u64 = 16;
/// Fewer connections than that are not useful.
const CONNECTIONS_MIN: u64 = 4;

/// Maximum numbers of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionLimits {
    pub(super) public: usize,
    pub(super) admin: usize,
}

impl ConnectionLimits {
    /// Raises the limit of open files to what the process may have, and lowers the numbers of connections if they
    /// do not fit into it. Warns once if so.
    pub(super) fn fit(self, database_connections: u32, output: Output) -> Self {
        let Some(files) = raise_limit() else { return self };
        let fitting = self.within(files, database_connections);
        if fitting.public < self.public {
            output.warn(&format!(
                "the limit of open files is {files}, so there are at most {} connections instead of {}; raise \
                 the limit (`ulimit -n`, or `LimitNOFILE` of systemd) or lower `connections_max`",
                fitting.public, self.public
            ));
        }
        fitting
    }

    fn within(self, files: u64, database_connections: u32) -> Self {
        let reserve = FIXED + DATABASE + u64::from(database_connections);
        let free = files.saturating_sub(reserve).max(2 * CONNECTIONS_MIN);
        let admin = usize::try_from((free / 4).max(CONNECTIONS_MIN)).unwrap_or(usize::MAX);
        let admin = self.admin.min(admin);
        let public = usize::try_from(free).unwrap_or(usize::MAX) - admin;
        Self { public: self.public.min(public), admin }
    }
}

/// Raises the soft limit of open files to the hard one. Returns the limit; none if it is unlimited.
fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        // macOS refuses some limits that it reports.
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: ConnectionLimits = ConnectionLimits { public: 900, admin: 32 };

    #[test]
    fn usual_limits_leave_the_defaults() {
        assert_eq!(DEFAULT.within(1_024, 20), DEFAULT);
        assert_eq!(DEFAULT.within(1 << 20, 20), DEFAULT);
    }

    #[test]
    fn small_limits_leave_a_reserve() {
        assert_eq!(DEFAULT.within(256, 20), ConnectionLimits { public: 156, admin: 32 });
        assert_eq!(DEFAULT.within(100, 20), ConnectionLimits { public: 24, admin: 8 });
        assert_eq!(DEFAULT.within(16, 20), ConnectionLimits { public: 4, admin: 4 });
    }
}
