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
    }
}
