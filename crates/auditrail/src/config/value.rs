//! What settings can be, how they are read and how they are shown.

use std::net::SocketAddr;
use std::time::Duration;

use auditrail_server::{Budget, Origin};
use tracing_subscriber::filter::Targets;

use super::parse_duration;

/// The value of a setting.
pub(super) trait Value: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// The end of a sentence that says what is wrong.
    fn read(text: &str) -> Result<Self, String>;

    /// Prints it as it may be written.
    fn show(&self) -> String;
}

impl Value for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is not a socket address such as 127.0.0.1:8080".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    fn read(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }

    fn show(&self) -> String {
        let millis = self.as_millis();
        if millis.is_multiple_of(1_000) {
            format!("{}s", millis / 1_000)
        } else {
            format!("{millis}ms")
        }
    }
}

/// A number of which there must be one at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) u32);

impl Value for Count {
    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count @ 1..) => Ok(Self(count)),
            _ => Err(format!("must be a number from 1 to {}", u32::MAX)),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// How much a key may ask for; `none` for no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) Option<Budget>);

impl Value for Limit {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|budget| Self(Some(budget))).map_err(|_| {
                "must be none, or an amount per duration such as 1000/60s or 50/1h".to_owned()
            }),
        }
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| "none".to_owned(), |budget| budget.to_string())
    }
}

/// Origins of pages, with commas between them.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    pub(super) origins: Vec<Origin>,
    text: String,
}

impl Value for Origins {
    fn read(text: &str) -> Result<Self, String> {
        let origins = text.split(',').map(|origin| origin.trim().parse::<Origin>());
        let origins =
            origins.collect::<Result<_, _>>().map_err(|error| format!("is invalid: {error}"))?;
        Ok(Self { origins, text: text.to_owned() })
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// A JSON object in each line.
    Json,
}

impl Value for LogFormat {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be auto, text or json".to_owned()),
        }
    }

    fn show(&self) -> String {
        let name = match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        };
        name.to_owned()
    }
}

/// Which log lines are wanted.
#[derive(Clone, Debug)]
pub(crate) struct LogFilter(pub(crate) Targets);

impl Value for LogFilter {
    fn read(text: &str) -> Result<Self, String> {
        let parsed = text.parse().map(Self);
        parsed.map_err(|_| "must be a level such as info, or target=level,…".to_owned())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}
