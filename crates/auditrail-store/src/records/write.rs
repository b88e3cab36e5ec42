//! Statements that write records, used by single writes, the group commit and imports alike.

mod compare;
mod copy;
mod copy_in;
pub(super) mod create;
mod insert;

/// How often the INSERT of a record is tried when its id is taken, but no record with that id is visible
/// afterwards. Retention deletes records, so the id may be free by then; a record that row-level security
/// hides, or that a trigger skips, is never visible.
pub(crate) const INSERT_ATTEMPTS: usize = 3;

pub(crate) use compare::{Comparison, compare, compare_sql, read_comparison};
pub(crate) use copy_in::{Copied, copy_in};
pub(crate) use insert::{
    Columns, many_sql as insert_many_sql, one as insert_one, read_ids,
    single_sql as insert_single_sql,
};
