//! Retention and archives.

mod archives;
mod commits;
mod deletion;
mod exchange;
mod interruptions;
mod rules;
mod stops;
mod support;
mod writers;
