//! The migration runner.

mod adopt;
mod concurrent;
mod history;
mod lock;
mod neighbours;
mod probe;
mod steps;
mod support;
mod undo;
mod verify;
