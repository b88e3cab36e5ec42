//! Versions of PostgreSQL.

use std::fmt;

/// Version of a PostgreSQL, such as 15.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The part that decides whether data files can be read: 15 in 15.18.
    pub major: u16,
    /// The bug-fix release: 18 in 15.18; 0 for a development version.
    pub minor: u16,
}

impl Version {
    /// The oldest major version that is accepted.
    pub const OLDEST_MAJOR: u16 = 15;

    /// Parses `postgres (PostgreSQL) 15.18 (Debian …)`, or a bare `18beta1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split("(PostgreSQL)").last()?.trim_start();
        let (major, rest) = leading_number(text)?;
        let minor = rest.strip_prefix('.').and_then(leading_number).map_or(0, |(minor, _)| minor);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn leading_number(text: &str) -> Option<(u16, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_output_is_parsed() {
        let read = |text| Version::parse(text).map(|version| version.to_string());
        assert_eq!(
            read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").unwrap(),
            "15.18"
        );
        assert_eq!(read("postgres (PostgreSQL) 18beta1").unwrap(), "18.0");
        assert_eq!(read("19devel").unwrap(), "19.0");
        assert_eq!(read("postgres (PostgreSQL) 9.6.24").unwrap(), "9.6");
        assert_eq!(read("MariaDB"), None);
        assert_eq!(read(""), None);
    }
}
