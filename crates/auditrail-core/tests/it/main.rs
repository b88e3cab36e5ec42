//! What the crate promises from outside: limits, round trips, and what strangers are told.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod api_keys;
mod cursors;
mod errors;
mod filters;
mod given;
mod ids;
mod json;
mod metadata;
mod new_api_keys;
mod pages;
mod texts;
mod times;
