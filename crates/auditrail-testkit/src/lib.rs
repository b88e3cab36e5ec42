//! For tests only: a throwaway database a test, record builders, and the sample generator.
//!
//! Tests run on a real PostgreSQL and as roles without special rights: [`TestDb::owner`] may migrate
//! its own database, [`TestDb::app`] may add and read records. Only tests that play an attacker or
//! an operator ask for [`TestDb::admin`].
//!
//! Helpers here panic with a clear message rather than return errors: a test that cannot have its
//! database has failed.

mod db;
mod server;

pub use db::TestDb;
