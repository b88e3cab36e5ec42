//! The partitions of the table.

mod adopt_small;
mod support;
