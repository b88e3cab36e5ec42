//! The gateway as a program, and the layer and the recorder together while the audit log is unreachable.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod attacks;
mod backlog;
mod service;
