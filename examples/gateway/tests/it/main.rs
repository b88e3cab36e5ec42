//! The layer and the recorder together, as the gateway has them, with the audit log out of reach.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod flood;
