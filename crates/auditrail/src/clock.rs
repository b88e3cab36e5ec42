//! The only module that reads the system clock.

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "all other code takes the time as an argument")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
