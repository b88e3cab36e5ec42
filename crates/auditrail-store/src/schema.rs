//! What the schema should look like, what it looks like, and how the two differ.
//!
//! Each version of the schema has a description in `schema/NNN.json`, generated from a database that
//! was migrated up to it (a test fails when a file is not current). [`describe`] reads the same
//! description from a live catalogue; [`compare`] names every difference between the two.

mod catalog;
mod compare;
mod describe;
pub(crate) mod golden;
mod model;

pub use compare::{Difference, Finding, compare};
pub use describe::describe;
pub use model::{Column, Function, Index, Schema, Table, Trigger};
