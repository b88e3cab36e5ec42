//! Follows a request from its first byte to the end of its response.

pub(crate) mod exchange;
pub(crate) mod intent;
pub(crate) mod observation;
pub(crate) mod request_id;
