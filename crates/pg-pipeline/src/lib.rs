//! A PostgreSQL connection that sends several statements, and a `COPY` together with its data, in one
//! exchange: one write to the socket, then one wait for everything the server answers.
//!
//! The drivers in use wait for an answer between `BEGIN`, `COPY`, its data and `COMMIT`. Over a network
//! each of these waits is a round trip. The extended query protocol needs none of them: the server
//! works through whatever it has received until a `Sync`, as one transaction, and skips to that `Sync`
//! after an error ("Pipelining" in chapter "Message Flow" of PostgreSQL's documentation).
//!
//! The messages are encoded and decoded by `postgres-protocol`. [`Exchange`] collects statements and
//! runs them; [`Connection`] is a session, over TCP with `TCP_NODELAY`, over TLS by rustls, or over a
//! Unix socket; [`Options`] says where the server is. The crate knows nothing of audit logs.

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
