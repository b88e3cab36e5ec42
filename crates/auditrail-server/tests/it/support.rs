//! Shared by the tests: services on their own listeners, and an HTTP client.

pub(crate) mod client;
pub(crate) mod db_keys;
pub(crate) mod events;
pub(crate) mod lines;
pub(crate) mod service;
pub(crate) mod signed;
