//! The partitions of the table.

mod adopt_large;
mod adopt_small;
mod close;
mod interrupted;
mod load;
mod merge;
pub(crate) mod support;
