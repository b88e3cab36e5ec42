//! The HTTP client of the tests.

pub(crate) use auditrail_testkit::http::{Answer, Call};
