//! What the tests share: services on listeners of their own, and an HTTP client.

pub(crate) mod client;
pub(crate) mod db_keys;
pub(crate) mod service;
