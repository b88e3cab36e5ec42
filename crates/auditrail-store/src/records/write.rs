//! Statements that write records, used by single writes, the group commit and imports alike.

mod compare;
mod copy;
mod copy_in;
pub(super) mod create;
mod insert;

pub(crate) use compare::{Comparison, compare, compare_sql, read_comparison};
pub(crate) use copy_in::{Copied, copy_in};
pub(crate) use insert::{
    Columns, many_sql as insert_many_sql, one as insert_one, read_ids,
    single_sql as insert_single_sql,
};
