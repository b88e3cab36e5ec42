//! The migration runner.

mod baseline;
mod coexistence;
mod concurrent;
mod down;
mod history;
mod lock;
mod partitions;
mod probe;
mod settings;
mod support;
mod up;
mod verify;
mod weaknesses;
