//! What the service still holds after its clients have gone.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::testbed::ScratchDatabase;
use xtask::error::{Error, Result};

/// How long the service may take; longer than its longest timeout for a client.
const TIMEOUT: Duration = Duration::from_secs(90);
const INTERVAL: Duration = Duration::from_millis(250);

/// How the service was after the load.
pub(super) struct Drained {
    /// How long it took; none if it did not happen in time.
    after: Option<Duration>,
    clients: usize,
    statements: usize,
}

impl Drained {
    /// How long it took; the timeout if it did not happen in time.
    pub(super) fn seconds(&self) -> f64 {
        self.after.unwrap_or(TIMEOUT).as_secs_f64()
    }

    pub(super) fn text(&self) -> String {
        let Self { clients, statements, .. } = self;
        match self.after {
            Some(after) => format!("drained after {:.1} s", after.as_secs_f64()),
            None => format!(
                "not drained within {} s: {clients} connections of clients, {statements} statements",
                TIMEOUT.as_secs()
            ),
        }
    }
}

/// Waits until the service on `port` has no connection of a client and no statement in PostgreSQL.
pub(super) fn wait_until_drained(port: u16, database: &ScratchDatabase<'_>) -> Result<Drained> {
    let start = Instant::now();
    loop {
        let (clients, statements) = (clients(port)?, statements(database)?);
        let is_drained = clients == 0 && statements == 0;
        if is_drained || start.elapsed() > TIMEOUT {
            let after = is_drained.then(|| start.elapsed());
            return Ok(Drained { after, clients, statements });
        }
        #[expect(clippy::disallowed_methods, reason = "sockets offer no event to wait for")]
        thread::sleep(INTERVAL);
    }
}

/// Connections that the service has open on `port`.
fn clients(port: u16) -> Result<usize> {
    let sockets = fs::read_to_string("/proc/net/tcp").map_err(Error::doing("count connections"))?;
    Ok(sockets.lines().filter(|line| is_open_on(port, line)).count())
}

/// Whether a line of `/proc/net/tcp` is a connection of this local port that the program has not closed. Its
/// second field is the local address and its fourth the state, both hexadecimal (Linux,
/// `Documentation/networking/proc_net_tcp.rst`).
fn is_open_on(port: u16, line: &str) -> bool {
    const OPEN: [&str; 2] = ["01", "08"]; // ESTABLISHED, CLOSE_WAIT
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (Some(local), Some(state)) = (fields.get(1), fields.get(3)) else { return false };
    local.ends_with(&format!(":{port:04X}")) && OPEN.contains(state)
}

/// Transactions of other programs.
fn statements(database: &ScratchDatabase<'_>) -> Result<usize> {
    let count = database.sql(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'",
    )?;
    count.trim().parse().map_err(|_| Error::Refused(format!("`{count}` is not a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_connections_of_a_port_are_counted() {
        let line = |state| {
            format!("  0: 0100007F:1F90 0100007F:C350 {state} 00000000:00000000 00:00000000 0 0 0")
        };
        assert!(is_open_on(8_080, &line("01")));
        assert!(is_open_on(8_080, &line("08")));
        assert!(!is_open_on(8_080, &line("0A")), "a listener");
        assert!(!is_open_on(50_000, &line("01")), "the port of the peer");
        assert!(!is_open_on(8_080, "  sl  local_address rem_address   st"));
    }
}
