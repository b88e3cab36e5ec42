//! Attacks on the running program: what its callers do must not take it, or the database, away from others.

mod abandoned_statements;
mod caller;
mod odd_content;
mod slow_exports;
mod slow_reads;
mod tenants;
mod two_servers;
