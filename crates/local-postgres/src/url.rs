//! The URL of the server.

use crate::cluster;
use crate::server::Running;

/// See [`LocalPostgres::url`](crate::LocalPostgres::url).
pub(crate) fn url(running: &Running, database: &str) -> String {
    format!(
        "postgres://{}@{}:{}/{}",
        cluster::SUPERUSER,
        percent(&running.socket_dir.display().to_string()),
        running.port,
        percent(database),
    )
}

/// The URL with the socket as a parameter. Programs that do not decode the host of a URL, such as `SQLAlchemy`,
/// take it as well.
pub(crate) fn portable_url(running: &Running, database: &str) -> String {
    let directory = running.socket_dir.display().to_string();
    // A slash needs no escape in a query.
    let directory: Vec<String> = directory.split('/').map(percent).collect();
    let mut url = format!(
        "postgres:///{}?host={}&user={}",
        percent(database),
        directory.join("/"),
        cluster::SUPERUSER
    );
    if running.port != DEFAULT_PORT {
        url.push_str(&format!("&port={}", running.port));
    }
    url
}

/// The port of PostgreSQL, which URLs leave out.
const DEFAULT_PORT: u16 = 5432;

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_percent_encoded() {
        let socket_dir = "/a b/ü?#@:%".into();
        let running = Running { pid: 2, socket_dir, port: 5432, loopback: false, ours: true };
        assert_eq!(
            url(&running, "x/y"),
            "postgres://postgres@%2Fa%20b%2F%C3%BC%3F%23%40%3A%25:5432/x%2Fy"
        );
        assert_eq!(
            portable_url(&running, "x/y"),
            "postgres:///x%2Fy?host=/a%20b/%C3%BC%3F%23%40%3A%25&user=postgres"
        );
        let other = Running { port: 6000, ..running };
        assert!(portable_url(&other, "x").ends_with("&user=postgres&port=6000"));
    }
}
