//! The layer and the recorder together, as in the gateway, while the audit log is unreachable.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod backlog;
