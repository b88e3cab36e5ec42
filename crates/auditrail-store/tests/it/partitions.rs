//! The partitions of the table.

mod adopt_large;
mod adopt_small;
mod load;
mod support;
