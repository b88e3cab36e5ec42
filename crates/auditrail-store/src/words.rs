//! The index of words, apart from its statements: filters of words, and the ranges of records that they are of.

pub(crate) mod filter;
pub(crate) mod range;
