//! The client and the recorder against the real service and a real PostgreSQL, through a network that
//! misbehaves on order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod faults;
mod lasting;
mod proxy;
mod recorder;
mod refused;
mod support;
