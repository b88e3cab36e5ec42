//! The service, driven over HTTP on a real listener, against a real database as the role of an
//! application.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod authorization;
mod group_commit;
mod listener;
mod many_tails;
mod middleware;
mod retention;
mod round_trips;
mod routes;
mod self_audit;
mod slow_clients;
mod stored_keys;
mod support;
mod tls;
