//! Types of settings: parsing and formatting.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use auditrail_server::{Budget, Origin};
use tracing_subscriber::filter::Targets;

/// The value of a setting.
pub(super) trait Value: Sized {
    /// Parses the value.
    ///
    /// # Errors
    /// The reason, to be appended to the name of the setting.
    fn parse(text: &str) -> Result<Self, String>;

    /// The inverse of [`parse`](Self::parse).
    fn format(&self) -> String;
}

/// The address of a listener: a socket address, or the name of a host with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress(String);

impl ListenAddress {
    /// The address as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Value::parse(text)
    }
}

impl Value for ListenAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let is_name = |host: &str| {
            let is_part_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.bytes().all(is_part_of_name)
        };
        let is_host_and_port = text
            .rsplit_once(':')
            .is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok());
        if is_host_and_port || text.parse::<SocketAddr>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err("is not an address with a port, such as 127.0.0.1:8080, [::]:8080 or localhost:8080"
                .to_owned())
        }
    }

    fn format(&self) -> String {
        self.0.clone()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn format(&self) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }

    fn format(&self) -> String {
        let millis = self.as_millis();
        if millis.is_multiple_of(1_000) {
            format!("{}s", millis / 1_000)
        } else {
            format!("{millis}ms")
        }
    }
}

/// A number of at least 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) u32);

impl Value for Count {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count @ 1..) => Ok(Self(count)),
            _ => Err(format!("must be a number from 1 to {}", u32::MAX)),
        }
    }

    fn format(&self) -> String {
        self.0.to_string()
    }
}

/// The rate budget of an API key, or `none`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) Option<Budget>);

impl Value for Limit {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|budget| Self(Some(budget))).map_err(|_| {
                "must be none, or an amount per duration such as 1000/60s or 50/1h".to_owned()
            }),
        }
    }

    fn format(&self) -> String {
        self.0.map_or_else(|| "none".to_owned(), |budget| budget.to_string())
    }
}

/// Comma-separated origins for CORS.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    pub(super) origins: Vec<Origin>,
    text: String,
}

impl Value for Origins {
    fn parse(text: &str) -> Result<Self, String> {
        let origins = text
            .split(',')
            .map(|origin| origin.trim().parse::<Origin>())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("is invalid: {error}"))?;
        Ok(Self { origins, text: text.to_owned() })
    }

    fn format(&self) -> String {
        self.text.clone()
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn format(&self) -> String {
        self.clone()
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Human-readable text.
    Text,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Whether lines on stderr are JSON.
    pub(crate) fn is_json(self) -> bool {
        match self {
            Self::Auto => !std::io::stderr().is_terminal(),
            Self::Text => false,
            Self::Json => true,
        }
    }
}

impl Value for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be auto, text or json".to_owned()),
        }
    }

    fn format(&self) -> String {
        let name = match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        };
        name.to_owned()
    }
}

/// The level, per target, of log lines to print.
#[derive(Clone, Debug)]
pub(crate) struct LogFilter(pub(crate) Targets);

impl Value for LogFilter {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "must be a level such as info, or target=level,…".to_owned())
    }

    fn format(&self) -> String {
        self.0.to_string()
    }
}

/// Parses a duration such as `30s`, `2m` or `1h30m`.
///
/// # Errors
/// The reason, to be appended to the name of the setting.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "is not a duration such as 500ms, 30s or 2m";
    let time: jiff::SignedDuration = text.parse().map_err(|_| expected.to_owned())?;
    Duration::try_from(time).map_err(|_| "must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_have_a_host_and_a_port() {
        for text in ["127.0.0.1:0", "[::1]:8080", "localhost:8080", "db-1.example.com:80"] {
            assert_eq!(ListenAddress::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "localhost", ":8080", "8080", "::1:8080", "a b:1", "host:65536", "host:x"]
        {
            assert!(ListenAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "30", "s", "-5s", "1e3s", "for ever"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
