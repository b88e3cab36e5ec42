//! Database faults: the service answers 503 with `Retry-After`, never 500, loses no acknowledged record,
//! and recovers without a restart.

mod disk;
mod failover;
mod limits;
mod network;
mod probe;
mod proxy;
mod restart;

use probe::Probe;
