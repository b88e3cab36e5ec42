//! Connection options.

use std::fmt;
use std::path::PathBuf;

/// The address of the server, and how to connect to it.
///
/// [`Options::new`] does not read the environment, password files or URLs; that is left to the caller.
#[derive(Clone)]
pub struct Options {
    /// The address of the server.
    pub host: Host,
    /// The role to connect as.
    pub user: String,
    /// The password; `None` if the server requires none.
    pub password: Option<String>,
    /// The database; `None` for the one with the name of the role.
    pub database: Option<String>,
    /// Whether the connection is encrypted, and what is verified. Unix sockets are never encrypted.
    pub tls: TlsMode,
    /// Certificates to trust besides those of the operating system.
    pub root_certificate: Option<Certificate>,
    /// The client's certificate chain; goes with [`client_key`](Self::client_key).
    pub client_certificate: Option<Certificate>,
    /// The client's private key.
    pub client_key: Option<Certificate>,
    /// Settings of the session that are sent with the start-up message, such as `application_name`.
    pub settings: Vec<(String, String)>,
    /// Maximum prepared statements of a connection. With 0, statements are parsed each time, as transaction
    /// pooling requires.
    pub statements_max: usize,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name or an address, and a port. All addresses of the name are tried in turn.
    Tcp(String, u16),
    /// The path of a Unix socket, such as `/run/postgresql/.s.PGSQL.5432`.
    Unix(PathBuf),
}

/// Whether a connection is encrypted, and what is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server can; nothing is verified.
    #[default]
    Prefer,
    /// Encrypted; nothing is verified.
    Require,
    /// Encrypted, and the server's certificate is signed by a trusted authority.
    VerifyCa,
    /// As [`VerifyCa`](Self::VerifyCa), and the certificate names the host.
    VerifyFull,
}

/// A certificate, a chain of them, or a private key, in PEM.
#[derive(Clone)]
pub enum Certificate {
    /// A file, which is read for each connection, so that renewals apply.
    File(PathBuf),
    /// The text itself.
    Inline(Vec<u8>),
}

impl Options {
    /// A server and a role, with defaults for the rest: no password, [`TlsMode::Prefer`], 100 prepared
    /// statements.
    #[must_use]
    pub fn new(host: Host, user: impl Into<String>) -> Self {
        Self {
            host,
            user: user.into(),
            password: None,
            database: None,
            tls: TlsMode::default(),
            root_certificate: None,
            client_certificate: None,
            client_key: None,
            settings: Vec::new(),
            statements_max: 100,
        }
    }

    /// Adds a setting of the session.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.retain(|(other, _)| *other != name);
        self.settings.push((name, value.into()));
        self
    }

    /// Adds a run-time parameter through the setting `options`, as `-c name=value`.
    ///
    /// Poolers reject unknown settings in the start-up message more often than `options`.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        let more = format!("-c {name}={value}");
        match self.settings.iter_mut().find(|(name, _)| name == "options") {
            Some((_, options)) => {
                options.push(' ');
                options.push_str(&more);
            }
            None => self.settings.push(("options".to_owned(), more)),
        }
        self
    }
}

/// Omits password, key and settings, which may be secret.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline(_) => f.debug_tuple("Inline").finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_appended_to_options() {
        let host = Host::Tcp("h".to_owned(), 1);
        let options = Options::new(host, "u")
            .with_setting("options", "-c a=b")
            .with_parameter("statement_timeout", "5")
            .with_parameter("lock_timeout", "6");
        let expected = "-c a=b -c statement_timeout=5 -c lock_timeout=6".to_owned();
        assert_eq!(options.settings, [("options".to_owned(), expected)]);
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let mut options = Options::new(Host::Tcp("h".to_owned(), 1), "u");
        options.password = Some("hunter2".to_owned());
        options.client_key = Some(Certificate::Inline(b"hunter2".to_vec()));
        let shown = format!("{options:?} {:?}", options.client_key);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
