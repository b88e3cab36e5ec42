//! For tests only; no crate that ships depends on this one.
//!
//! - [`TestDb`]: a database for each test, on a real PostgreSQL and as roles without special privileges:
//!   [`TestDb::owner`] may migrate its own database, [`TestDb::app`] may add and read records. Only
//!   tests of an attacker or an operator use [`TestDb::admin`]. Helpers panic with a clear message
//!   instead of returning errors.
//! - [`OwnServer`]: a durable PostgreSQL server for one test, to be killed, stopped or filled up.
//! - [`Transport`]: both are reached over a Unix socket, TCP or TLS.
//! - [`RoundTrips`]: a proxy that counts round trips to PostgreSQL.
//! - [`http`]: a small client, and responses that check their own form.

mod access;
mod connection;
mod db;
mod dedicated_server;
mod drop_database;
mod files;
pub mod http;
mod partitions;
mod roles;
mod round_trips;
mod sequence;
mod shared_server;
mod transport;

pub use db::{TestDb, eventually, until};
pub use dedicated_server::{Kill, OwnServer, Saved, kill_server};
pub use files::raise_limit_of_files;
pub use round_trips::RoundTrips;
pub use transport::{Transport, through, unrelated_certificate};
