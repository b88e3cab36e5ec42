//! What the service does while its database fails: a clear 503 that says when to come back, never a
//! 500; nothing it acknowledged is lost; and it recovers by itself.

mod disk;
mod failover;
mod limits;
mod network;
mod proxy;
mod stopped;
mod tried;

use crate::faults::tried::Tried;
