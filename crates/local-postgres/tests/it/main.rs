//! The crate against a real PostgreSQL: as root and as an ordinary user, killed in every way.
//!
//! When the tests run as root, everything that can be is done both as root, which drops to
//! another user, and as the ordinary user `nobody`; otherwise only as the present user, and the
//! tests that need root say so. `LOCAL_POSTGRES_TEST_BIN_DIR` names the PostgreSQL to use.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![expect(
    clippy::print_stderr,
    reason = "durations and skipped parts are for the reader of the log"
)]

mod basics;
mod crash;
mod leftovers;
mod loopback;
mod refusals;
mod sharing;
mod support;
