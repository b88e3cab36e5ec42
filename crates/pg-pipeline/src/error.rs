//! Errors of connections and statements.

use std::fmt;
use std::io;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

/// A connection or a statement failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The connection could not be encrypted as required.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server requires an unsupported authentication method, or a missing secret.
    #[error("authentication: {0}")]
    Authentication(&'static str),
    /// The server violated the protocol.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The server rejected a statement or the connection.
    #[error(transparent)]
    Server(Box<ServerError>),
}

impl Error {
    /// The error of the server, if any.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            Self::Io(_) | Self::Tls(_) | Self::Authentication(_) | Self::Protocol(_) => None,
        }
    }

    pub(crate) fn unexpected(message: &str) -> Self {
        Self::Protocol(format!("unexpected message: {message}"))
    }
}

/// An error as the server reports it.
///
/// The fields are those of "Error and Notice Message Fields" in PostgreSQL's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, not translated.
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    /// The primary message.
    pub message: String,
    /// Details, which may quote values of a row.
    pub detail: Option<String>,
    /// The hint.
    pub hint: Option<String>,
    /// The name of the table.
    pub table: Option<String>,
    /// The name of the constraint that was violated.
    pub constraint: Option<String>,
    /// The function of the server's source that reported the error.
    pub routine: Option<String>,
}

impl ServerError {
    pub(crate) fn read(mut fields: ErrorFields<'_>) -> io::Result<Self> {
        let mut error = Self::default();
        while let Some(field) = fields.next()? {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                // The untranslated severity follows the translated one.
                b'S' | b'V' => error.severity = value,
                b'C' => error.code = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                b't' => error.table = Some(value),
                b'n' => error.constraint = Some(value),
                b'R' => error.routine = Some(value),
                _ => {}
            }
        }
        Ok(error)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)
    }
}

impl std::error::Error for ServerError {}
