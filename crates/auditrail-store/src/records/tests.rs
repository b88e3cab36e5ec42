//! Tests that look into how searches run.

mod equivalence;
mod partition_plans;
mod plans;
mod text;
mod text_index;
