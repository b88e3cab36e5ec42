//! Database URLs, in the forms of libpq.

use sqlx::postgres::PgConnectOptions;

/// Why a text is not a database URL. No message repeats the text, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It has another scheme, or none.
    #[error("does not start with postgres:// or postgresql://")]
    Scheme,
    /// Its host, port or a parameter is malformed.
    #[error("is malformed")]
    Malformed,
}

/// Parses a database URL; the environment (`PGHOST` and so on) and the password file add what it leaves out.
///
/// The forms of libpq with one host are accepted, also those without a host: `postgres://USER@/DATABASE?host=/DIR`
/// and `postgres:///DATABASE?host=/DIR&port=5433&user=USER`. A plus sign in a parameter is a plus sign.
///
/// # Errors
/// [`DatabaseUrlError`].
pub fn parse_database_url(url: &str) -> Result<PgConnectOptions, DatabaseUrlError> {
    let scheme_end = url.find("://").ok_or(DatabaseUrlError::Scheme)?;
    let (scheme, rest) = (&url[..scheme_end], &url[scheme_end + "://".len()..]);
    if !["postgres", "postgresql"].iter().any(|name| name.eq_ignore_ascii_case(scheme)) {
        return Err(DatabaseUrlError::Scheme);
    }
    let options: PgConnectOptions = format!("postgres://{}", with_host_as_parameter(rest))
        .parse()
        .map_err(|_| DatabaseUrlError::Malformed)?;
    // A URL has an IPv6 address in brackets, which the system's resolver rejects.
    let ipv6 = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok(match ipv6.map(str::to_owned) {
        Some(address) => options.host(&address),
        None => options,
    })
}

/// The part after the scheme without `USER:PASSWORD@:PORT` if that has no host: the parser of URLs rejects
/// a user or a port without one, so they become parameters.
fn with_host_as_parameter(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let (path, query) = after.split_once('?').unwrap_or((after, ""));
    // The parser would read a plus sign as a blank, as in forms of web pages.
    let query = query.replace('+', "%2B");
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let mut parameters = Vec::new();
    let authority = match host.strip_prefix(':').or(host.is_empty().then_some("")) {
        Some(port) => {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            for (name, value) in [("user", user), ("password", password), ("port", port)] {
                if !value.is_empty() {
                    let value = value.replace('&', "%26").replace('+', "%2B");
                    parameters.push(format!("{name}={value}"));
                }
            }
            ""
        }
        None => authority,
    };
    if !query.is_empty() {
        parameters.push(query);
    }
    let path = if path.is_empty() { "/" } else { path };
    format!("{authority}{path}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host or socket, port, user and database.
    fn parts(url: &str) -> (String, u16, String, Option<String>) {
        let options = parse_database_url(url).unwrap_or_else(|error| panic!("{url} {error}"));
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let database = options.get_database().map(str::to_owned);
        (host, options.get_port(), options.get_username().to_owned(), database)
    }

    #[test]
    fn host_may_be_a_parameter() {
        for (url, port) in [
            ("postgres://me@/app?host=/run/pg&port=5433", 5433),
            ("postgresql://me@/app?host=/run/pg&port=5433", 5433),
            ("PostgreSQL://me@/app?host=%2Frun%2Fpg&port=5433", 5433),
            ("postgres://me:p%40ss@/app?host=/run/pg&port=5433", 5433),
            ("postgres://me@:5433/app?host=/run/pg", 5433),
            ("postgres://me:pw@:5433/app?host=/run/pg", 5433),
            ("postgres:///app?host=/run/pg&user=me&port=5433", 5433),
            ("postgres:///?host=/run/pg&user=me&dbname=app&port=5433", 5433),
            ("postgres://?host=/run/pg&user=me&dbname=app&port=5433", 5433),
            ("postgres://me@?host=/run/pg&dbname=app&port=5433", 5433),
            ("postgres://me@%2Frun%2Fpg:5433/app", 5433),
            ("postgres://me@localhost/app?host=/run/pg&port=5433", 5433),
        ] {
            let expected = ("/run/pg".to_owned(), port, "me".to_owned(), Some("app".to_owned()));
            assert_eq!(parts(url), expected, "{url}");
        }
        assert_eq!(parts("postgres://me@/app?host=db.example").0, "db.example");
        assert_eq!(parts("postgres://me@/app?host=/a+b/run").0, "/a+b/run");
        // The form of Cloud SQL.
        let cloud = parts("postgresql://me:pw@/app?host=/cloudsql/project:region:instance");
        assert_eq!(cloud.0, "/cloudsql/project:region:instance");
    }

    #[test]
    fn host_in_the_authority_stays() {
        let expected = ("db".to_owned(), 6432, "me".to_owned(), Some("app".to_owned()));
        assert_eq!(parts("postgres://me:a%26b@db:6432/app?sslmode=disable"), expected);
        assert_eq!(parts("postgres://me@[2001:db8::1]:6432/app").0, "2001:db8::1");
        assert_eq!(parts("postgres://me@db:6432/a%2Fb").3.as_deref(), Some("a/b"));
    }

    #[test]
    fn password_without_a_host_is_kept() {
        let options = parse_database_url("postgres://me:a&b+c%25=@/app?host=/run").unwrap();
        let url = sqlx::ConnectOptions::to_url_lossy(&options);
        let password = percent_encoding::percent_decode_str(url.password().unwrap());
        assert_eq!(password.decode_utf8().unwrap(), "a&b+c%=");
    }

    #[test]
    fn other_texts_are_rejected() {
        for url in
            ["", "db", "mysql://db/app", "postgres:/db", "//db/app", "postgresql+psycopg://db"]
        {
            assert_eq!(parse_database_url(url).err(), Some(DatabaseUrlError::Scheme), "{url}");
        }
        for url in ["postgres://me@db:port/app", "postgres://me@/app?port=x", "postgres://[::1/app"]
        {
            assert_eq!(parse_database_url(url).err(), Some(DatabaseUrlError::Malformed), "{url}");
        }
    }
}
