//! The sequencer gives each committed record exactly one seq.

mod edited;
mod exchange;
mod large;
mod open_transactions;
mod restore;
mod rounds;
mod servers;
mod stress;
mod support;
