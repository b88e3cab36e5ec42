//! The description of a schema: what the committed files hold and the catalogue is read into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The tables and functions of one schema. Keys are schema-qualified names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Every table but the tracking table.
    pub tables: BTreeMap<String, Table>,
    /// Every function, by name and argument types, as in `control_plane.f(jsonb)`.
    pub functions: BTreeMap<String, Function>,
}

/// One table, in the words of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its COMMENT.
    pub comment: Option<String>,
    /// Its columns by name; their order means nothing.
    pub columns: BTreeMap<String, Column>,
    /// Constraints by name, as `pg_get_constraintdef` prints them. Not-null is part of the column.
    pub constraints: BTreeMap<String, String>,
    /// Indexes by name.
    pub indexes: BTreeMap<String, Index>,
    /// Triggers by name, as `pg_get_triggerdef` prints them, and when they fire.
    pub triggers: BTreeMap<String, Trigger>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its type, as `format_type` prints it.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether null is refused.
    pub not_null: bool,
    /// The expression of its default.
    pub default: Option<String>,
    /// Its COMMENT.
    pub comment: Option<String>,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// As `pg_get_indexdef` prints it.
    pub definition: String,
    /// Whether it refuses equal values.
    pub unique: bool,
    /// Whether queries may use it; false after a concurrent build that was cut off.
    pub valid: bool,
}

/// One trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// As `pg_get_triggerdef` prints it.
    pub definition: String,
    /// `tgenabled` in words: `origin`, `always`, `replica` or `disabled`.
    pub fires: String,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// What it returns.
    pub returns: String,
    /// The language it is written in.
    pub language: String,
    /// Its settings, as in `search_path=""`.
    pub settings: Vec<String>,
    /// Whether it runs with the rights of its owner.
    pub security_definer: bool,
    /// Its source text.
    pub source: String,
    /// Its COMMENT.
    pub comment: Option<String>,
}
