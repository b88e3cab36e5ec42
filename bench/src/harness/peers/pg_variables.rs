//! The environment variables of PostgreSQL clients (`PGHOST` and so on) for a URL.

/// The variables for a URL.
pub(super) fn of(url: &str) -> Vec<(&'static str, String)> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (server, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = server.split_once('@').unwrap_or(("", server));
    let (host, port) = host.rsplit_once(':').unwrap_or((host, "5432"));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    [("PGUSER", user), ("PGPASSWORD", password), ("PGHOST", host)]
        .into_iter()
        .chain([("PGPORT", port), ("PGDATABASE", database)])
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, decoded(value)))
        .collect()
}

/// Decodes percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_becomes_variables() {
        let variables = of("postgres://me@%2Fa%20b%2Frun:5433/bench_x");
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let expected = [
            ("PGUSER", "me"),
            ("PGHOST", "/a b/run"),
            ("PGPORT", "5433"),
            ("PGDATABASE", "bench_x"),
        ];
        assert_eq!(variables, expected);
        assert!(of("postgres://me:p%401@h/d").contains(&("PGPASSWORD", "p@1".to_owned())));
        assert_eq!(decoded("100%"), "100%");
    }
}
