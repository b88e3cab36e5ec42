//! Tests with a real PostgreSQL, as root and as an ordinary user, including kills.
//!
//! If the tests run as root, most of them run both as root, which drops to another user, and as the
//! unprivileged user with id 65534. Otherwise they run as the current user, and tests that require root print
//! a note. `LOCAL_POSTGRES_TEST_BIN_DIR` selects the PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![expect(
    clippy::print_stderr,
    reason = "durations and skipped parts are for the reader of the log"
)]

mod crash;
mod errors;
mod hostile_files;
mod lifecycle;
mod loopback;
mod recovery;
mod sharing;
mod support;
