//! Tests that look into how searches run.

mod equivalence;
mod plans;
mod text;
