//! A PostgreSQL connection that sends several statements, and a `COPY` together with its data, in one
//! exchange: one write to the socket, then one wait for all responses of the server.
//!
//! Common drivers wait for a response between `BEGIN`, `COPY`, its data and `COMMIT`. Over a network
//! each of these waits is a round trip. The extended query protocol requires none of them: the server
//! executes everything up to a `Sync` as one transaction, and skips to that `Sync`
//! after an error ("Pipelining" in chapter "Message Flow" of PostgreSQL's documentation).
//!
//! The messages are encoded and decoded by `postgres-protocol`. [`Exchange`] collects statements and
//! runs them; [`Connection`] is a session, over TCP with `TCP_NODELAY`, over TLS by rustls, or over a
//! Unix socket; [`Options`] configures the connection. The crate is independent of audit logs.

mod connection;
mod error;
mod exchange;
mod io;
mod options;
mod row;
mod startup;
mod statement;
mod stream;
mod tls;

pub use connection::Connection;
pub use error::{Error, ServerError};
pub use exchange::{Exchange, Failed, Reply};
pub use options::{Certificate, Host, Options, TlsMode};
pub use row::Row;
pub use statement::{Oid, Parameter, Statement};
