//! A witness over HTTP on the loopback interface, and its client.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed set-up fails the test; a skipped test prints the reason"
)]

mod client;
mod collect;
mod fake;
mod hostile;
mod malicious;
mod requests;
mod state;
mod support;
mod tls;
