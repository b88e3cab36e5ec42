//! `--database`: how the measured programs connect to PostgreSQL.

use clap::ValueEnum;

use xtask::error::{Error, Result};

/// A kind of connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// TCP over the loopback address.
    Tcp,
    /// The server's Unix socket.
    Unix,
    /// TCP through a proxy that adds 1 ms in each direction.
    #[value(name = "tcp+1ms")]
    Delayed,
}

/// Delay of [`Transport::Delayed`] in each direction, in microseconds.
pub(crate) const DELAY_MICROS: u32 = 1_000;

impl Transport {
    /// In the order of the tables.
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Unix, Self::Delayed];

    /// Its name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Unix => "Unix socket",
            Self::Delayed => "TCP + 1 ms each way",
        }
    }

    /// The name of a workload over this connection, for `Figure::workload`.
    pub(crate) fn workload(self, name: &str) -> String {
        format!("{name}, {}", self.name())
    }

    /// For `Part::settings`.
    pub(crate) fn setting(all: &[Self]) -> (String, String) {
        let names: Vec<_> = all.iter().map(|transport| transport.name()).collect();
        ("connection to PostgreSQL".to_owned(), names.join("; "))
    }

    /// Without duplicates, in the order of the tables.
    pub(crate) fn sorted(transports: &[Self]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|transport| transports.contains(transport)).collect()
    }
}

/// The addresses of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// A URL of the server's Unix socket without a database: `postgres://postgres@%2Fdir:5433`.
    pub(crate) socket: String,
    /// The password for connections over TCP.
    pub(crate) password: String,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// The port of the delay proxy, if one runs.
    pub(crate) delayed_port: Option<u16>,
}

impl Endpoints {
    /// The URL of a database.
    ///
    /// # Errors
    /// If the delay proxy is required and not running.
    pub(crate) fn url(&self, transport: Transport, database: &str) -> Result<String> {
        let password = &self.password;
        let tcp = |port| format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}");
        match transport {
            Transport::Tcp => Ok(tcp(self.port)),
            Transport::Unix => Ok(format!("{}/{database}", self.socket)),
            Transport::Delayed => self
                .delayed_port
                .map(tcp)
                .ok_or_else(|| Error::Refused("the delay proxy is not running".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transport_has_a_url() {
        let socket = "postgres://postgres@%2Frun:5433".to_owned();
        let password = "p".to_owned();
        let endpoints = Endpoints { socket, password, port: 5433, delayed_port: Some(6000) };
        let urls = Transport::ALL.map(|transport| endpoints.url(transport, "log").unwrap());
        assert_eq!(
            urls,
            [
                "postgres://postgres:p@127.0.0.1:5433/log",
                "postgres://postgres@%2Frun:5433/log",
                "postgres://postgres:p@127.0.0.1:6000/log",
            ]
        );
        let none = Endpoints { delayed_port: None, ..endpoints };
        assert!(none.url(Transport::Delayed, "log").is_err());
    }

    #[test]
    fn sorted_starts_with_tcp_without_duplicates() {
        let transports = [Transport::Delayed, Transport::Unix, Transport::Tcp, Transport::Unix];
        assert_eq!(Transport::sorted(&transports), Transport::ALL);
        assert_eq!(Transport::Tcp.workload("import"), "import, TCP");
    }

    #[test]
    fn command_line_names_match_help() {
        let names: Vec<_> = Transport::value_variants()
            .iter()
            .filter_map(|transport| Some(transport.to_possible_value()?.get_name().to_owned()))
            .collect();
        assert_eq!(names, ["tcp", "unix", "tcp+1ms"]);
    }
}
