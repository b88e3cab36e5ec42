//! The client and the recorder against the real service and a real PostgreSQL, through a proxy that
//! injects faults.
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod child;
mod client;
mod clock;
mod dead_letters;
mod feed;
mod invalid;
mod kill;
mod lifecycle;
mod log;
mod memory_bounds;
mod outages;
mod proxy;
mod recorder;
mod rejected;
mod secrets;
mod spool_disk_full;
mod support;
mod tls;
mod transient_faults;
mod trouble;
