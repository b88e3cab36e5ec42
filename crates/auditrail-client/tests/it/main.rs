//! The client and the recorder against the real service and a real PostgreSQL, through a network that
//! misbehaves on order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod client;
mod disk;
mod faults;
mod flood;
mod kill;
mod lasting;
mod life;
mod proxy;
mod recorder;
mod refused;
mod secrets;
mod support;
mod tls;
