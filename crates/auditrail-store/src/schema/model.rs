//! The description of a schema, in the committed files and of a live database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The tables and functions of one schema. Keys are schema-qualified names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Every table except the tracking table.
    pub tables: BTreeMap<String, Table>,
    /// Every function, by name and argument types, such as `control_plane.f(jsonb)`.
    pub functions: BTreeMap<String, Function>,
}

/// A table, as the catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its COMMENT.
    pub comment: Option<String>,
    /// Its columns by name, in no order.
    pub columns: BTreeMap<String, Column>,
    /// Constraints by name, as `pg_get_constraintdef` prints them. Not-null is part of the column.
    pub constraints: BTreeMap<String, String>,
    /// Indexes by name.
    pub indexes: BTreeMap<String, Index>,
    /// Triggers by name, as `pg_get_triggerdef` prints them, and when they fire.
    pub triggers: BTreeMap<String, Trigger>,
    /// How it is partitioned, as `pg_get_partkeydef` prints it, such as `RANGE (id)`. The committed
    /// descriptions have a plain table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioned_by: Option<String>,
    /// Its place in a partitioned table, if it is a partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
}

/// The place of a table in a partitioned table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// The partitioned table.
    pub of: String,
    /// Its bounds, as `pg_get_expr` prints them.
    pub bounds: String,
    /// `table`, `partitioned table` or `foreign table`.
    pub kind: String,
    /// Whether it is attached; false while or after `DETACH CONCURRENTLY` was interrupted.
    pub attached: bool,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its type, as `format_type` prints it.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether it is NOT NULL.
    pub not_null: bool,
    /// The expression of its default.
    pub default: Option<String>,
    /// Its COMMENT.
    pub comment: Option<String>,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its definition, as `pg_get_indexdef` prints it.
    pub definition: String,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether queries can use it; false after an interrupted concurrent build.
    pub valid: bool,
    /// The name of the index of the partitioned table that it is attached to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
}

/// One trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its definition, as `pg_get_triggerdef` prints it.
    pub definition: String,
    /// `tgenabled` in words: `origin`, `always`, `replica` or `disabled`.
    pub fires: String,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its result type.
    pub returns: String,
    /// Its language.
    pub language: String,
    /// Its settings, such as `search_path=""`.
    pub settings: Vec<String>,
    /// Whether it runs with the privileges of its owner.
    pub security_definer: bool,
    /// Its source text.
    pub source: String,
    /// Its COMMENT.
    pub comment: Option<String>,
}
