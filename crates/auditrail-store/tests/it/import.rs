//! Bulk writes of imports.

mod duplicates;
mod failures;
mod round_trip;
