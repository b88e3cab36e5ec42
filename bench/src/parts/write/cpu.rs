//! Processor time of a measurement, by program.

use crate::harness::peers::Server;
use crate::harness::postgres_server::PostgresServer;
use crate::harness::process::Tree;

/// Processor time so far in seconds, if known.
#[derive(Debug)]
pub(super) struct Cpu {
    server: Option<f64>,
    postgres: Option<f64>,
    /// Of the delay proxy; 0 without one.
    delay: f64,
    /// Of this process and its descendants: the server, PostgreSQL, the proxy and the client.
    own: Option<f64>,
}

impl Cpu {
    pub(super) fn read(server: &Server, cluster: &PostgresServer) -> Self {
        Self {
            server: server.tree().cpu_seconds(),
            postgres: cluster.postmaster().and_then(|pid| Tree::of(pid).cpu_seconds()),
            delay: cluster.delay_seconds().unwrap_or_default(),
            own: Tree::own().cpu_seconds(),
        }
    }

    /// The seconds used until `after`, by metric. The remainder is the client's.
    pub(super) fn spent(&self, after: &Self) -> Vec<(&'static str, f64)> {
        let between = |of: fn(&Self) -> Option<f64>| Some(of(after)? - of(self)?);
        let server = between(|cpu| cpu.server);
        let postgres = between(|cpu| cpu.postgres);
        let delay = after.delay - self.delay;
        let client = between(|cpu| cpu.own).zip(server).zip(postgres);
        let client = client.map(|((own, server), postgres)| own - server - postgres - delay);
        [
            ("cpu", server),
            ("postgres cpu", postgres),
            ("client cpu", client),
            ("proxy cpu", (delay > 0.0).then_some(delay)),
        ]
        .into_iter()
        .filter_map(|(metric, seconds)| Some((metric, seconds?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_time_is_the_remainder() {
        let before = Cpu { server: Some(1.0), postgres: Some(5.0), delay: 1.0, own: Some(2.0) };
        let after = Cpu { server: Some(2.5), postgres: Some(7.0), delay: 1.25, own: Some(6.25) };
        let spent = before.spent(&after);
        let proxy = ("proxy cpu", 0.25);
        assert_eq!(spent, [("cpu", 1.5), ("postgres cpu", 2.0), ("client cpu", 0.5), proxy]);
    }

    #[test]
    fn unknown_times_are_left_out() {
        let none = || Cpu { server: None, postgres: Some(1.0), delay: 0.0, own: Some(1.0) };
        assert_eq!(none().spent(&none()), [("postgres cpu", 0.0)]);
    }
}
