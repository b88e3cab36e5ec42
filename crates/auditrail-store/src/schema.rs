//! Descriptions of the schema, and their comparison with a live database.
//!
//! Each version of the schema has a description in `schema/NNN.json`, generated from a migrated database
//! (a test fails when a file is not current). [`describe`] reads the same description from the catalog of
//! a live database; [`compare`] returns every difference. [`weaknesses`] returns what protects the records
//! less than it should, which is no part of a version.

mod catalog;
mod compare;
mod describe;
mod difference;
pub(crate) mod golden;
mod model;
mod partitions;
mod protection;
mod protection_catalog;
mod settings;

pub use compare::compare;
pub use describe::describe;
pub use difference::{Difference, Finding};
pub use model::{Column, Function, Index, Partition, Schema, Table, Trigger};
pub(crate) use protection::ENCODING;
pub use protection::weaknesses;
pub(crate) use protection_catalog::encoding;
pub(crate) use settings::set_all;
