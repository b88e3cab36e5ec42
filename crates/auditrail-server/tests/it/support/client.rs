//! The client the tests send requests with.

pub(crate) use auditrail_testkit::http::{Answer, Call};
