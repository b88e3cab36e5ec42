//! For tests and demonstrations only; nothing that ships depends on this crate.
//!
//! Four rooms:
//! - [`TestDb`]: a database of its own for each test, on a real PostgreSQL and as roles without
//!   special rights: [`TestDb::owner`] may migrate its own database, [`TestDb::app`] may add and
//!   read records. Only tests that play an attacker or an operator ask for [`TestDb::admin`].
//!   Helpers there panic with a clear message rather than return errors: a test that cannot have its
//!   database has failed.
//! - [`OwnServer`]: a durable PostgreSQL of one test's own, to be killed, stopped or filled up.
//!   Both reach it over a Unix socket, TCP or TLS ([`Transport`]).
//! - [`http`]: a small client, and answers that check their own form.
//! - [`sample`]: a believable month of a control plane, written from a seed. It has no input file,
//!   reads no clock and knows nothing of the crates it feeds, so a test can compare what they did
//!   with what was really written.
//!
//! And [`write_repeated`]: real records over and over, where a large log of real skew is wanted.

mod access;
mod db;
mod dropping;
pub mod http;
mod own;
mod round_trips;
mod server;
mod transport;

pub use db::{TestDb, eventually, until};
pub use own::{Kill, OwnServer, kill_server};
pub use round_trips::RoundTrips;
pub use transport::{Transport, through, unrelated_certificate};
