//! Attacks on the real program: what one caller does must not take it, or the database, away from others.

mod abandoned_statements;
mod caller;
mod odd_content;
mod settings;
mod slow_exports;
mod slow_reads;
mod tenants;
mod two_servers;
