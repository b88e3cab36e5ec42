//! Attacks on the real program, each of which ends within its bound.

mod settings;
