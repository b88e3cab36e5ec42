//! The only place of this program that reads the clock.

use jiff::Timestamp;

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "everything else takes the time as an argument; it has to come from somewhere"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
