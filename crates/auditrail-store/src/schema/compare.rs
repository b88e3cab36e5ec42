//! Compares an expected with a live schema.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::model::{Column, Function, Index, Schema, Table, Trigger};

/// A difference between the live and the expected schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The object that differs, such as `column control_plane.audit_logs.action`.
    pub object: String,
    /// How it differs.
    #[serde(flatten)]
    pub finding: Finding,
}

/// How an object differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// It is expected, but missing.
    Missing,
    /// It exists, but is not expected.
    Extra,
    /// An index that the user added. It is reported, but is no drift.
    ExtraIndex,
    /// A property differs.
    Different {
        /// Its name: `type`, `default`, `comment`, …
        property: &'static str,
        /// The expected value.
        expected: String,
        /// The live value.
        found: String,
    },
    /// The index is invalid, because its build was interrupted.
    InvalidIndex,
}

impl Difference {
    /// Whether this is drift. Only an extra plain index is not.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        self.finding != Finding::ExtraIndex
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match &self.finding {
            Finding::Missing => write!(f, "{object} is missing"),
            Finding::Extra => write!(f, "{object} should not be there"),
            Finding::ExtraIndex => write!(f, "{object} was added by the user (allowed)"),
            Finding::InvalidIndex => write!(
                f,
                "{object} is invalid: its concurrent build was interrupted, and no query uses it; \
                 drop it and create it again"
            ),
            Finding::Different { property, expected, found } => {
                write!(f, "{object} has {property} {found}, expected {expected}")
            }
        }
    }
}

/// Every difference between `found` and `expected`, by name. Tables and functions that are not in
/// `expected` belong to the application and are ignored.
#[must_use]
pub fn compare(expected: &Schema, found: &Schema) -> Vec<Difference> {
    let mut out = Vec::new();
    for (name, table) in &expected.tables {
        match found.tables.get(name) {
            Some(live) => compare_table(name, table, live, &mut out),
            None => out.push(difference(format!("table {name}"), Finding::Missing)),
        }
    }
    for (name, function) in &expected.functions {
        let object = format!("function {name}");
        match found.functions.get(name) {
            Some(live) => compare_function(&object, function, live, &mut out),
            None => out.push(difference(object, Finding::Missing)),
        }
    }
    out
}

fn compare_table(name: &str, expected: &Table, found: &Table, out: &mut Vec<Difference>) {
    let of = |kind: &str, part: &str| format!("{kind} {part} of {name}");
    property(&format!("table {name}"), "comment", &expected.comment, &found.comment, out);
    each(
        &expected.columns,
        &found.columns,
        |column| format!("column {name}.{column}"),
        out,
        |o, e, f, out| {
            compare_column(o, e, f, out);
        },
    );
    each(
        &expected.constraints,
        &found.constraints,
        |c| of("constraint", c),
        out,
        |o, e, f, out| {
            property(o, "definition", e, f, out);
        },
    );
    each(&expected.triggers, &found.triggers, |t| of("trigger", t), out, compare_trigger);
    for (index, expected) in &expected.indexes {
        let object = of("index", index);
        match found.indexes.get(index) {
            Some(live) => compare_index(object, expected, live, out),
            None => out.push(difference(object, Finding::Missing)),
        }
    }
    for (index, live) in &found.indexes {
        if !expected.indexes.contains_key(index) && !found.constraints.contains_key(index) {
            out.push(difference(of("index", index), extra_index(live)));
        }
    }
}

/// A unique index can reject a write, and an invalid one is a failed build; a plain one only costs time.
fn extra_index(index: &Index) -> Finding {
    match (index.valid, index.unique) {
        (false, _) => Finding::InvalidIndex,
        (true, true) => Finding::Extra,
        (true, false) => Finding::ExtraIndex,
    }
}

/// Compares two maps by name: reports missing and extra entries, and calls `both` for the others.
fn each<T>(
    expected: &BTreeMap<String, T>,
    found: &BTreeMap<String, T>,
    object: impl Fn(&str) -> String,
    out: &mut Vec<Difference>,
    both: impl Fn(&str, &T, &T, &mut Vec<Difference>),
) {
    for (name, expected) in expected {
        match found.get(name) {
            Some(live) => both(&object(name), expected, live, out),
            None => out.push(difference(object(name), Finding::Missing)),
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        out.push(difference(object(name), Finding::Extra));
    }
}

fn compare_column(object: &str, expected: &Column, found: &Column, out: &mut Vec<Difference>) {
    let Column { data_type, not_null, default, comment } = expected;
    property(object, "type", data_type, &found.data_type, out);
    property(object, "not null", not_null, &found.not_null, out);
    property(object, "default", default, &found.default, out);
    property(object, "comment", comment, &found.comment, out);
}

fn compare_index(object: String, expected: &Index, found: &Index, out: &mut Vec<Difference>) {
    property(&object, "definition", &expected.definition, &found.definition, out);
    if !found.valid {
        out.push(difference(object, Finding::InvalidIndex));
    }
}

fn compare_trigger(object: &str, expected: &Trigger, found: &Trigger, out: &mut Vec<Difference>) {
    let Trigger { definition, fires } = expected;
    property(object, "definition", definition, &found.definition, out);
    property(object, "firing mode", fires, &found.fires, out);
}

fn compare_function(
    object: &str,
    expected: &Function,
    found: &Function,
    out: &mut Vec<Difference>,
) {
    let Function { returns, language, settings, security_definer, source, comment } = expected;
    property(object, "result type", returns, &found.returns, out);
    property(object, "language", language, &found.language, out);
    property(object, "settings", &settings.join(", "), &found.settings.join(", "), out);
    property(object, "security definer", security_definer, &found.security_definer, out);
    property(object, "comment", comment, &found.comment, out);
    if *source != found.source {
        let (expected, found) = first_difference(source, &found.source);
        out.push(difference(
            object.to_owned(),
            Finding::Different { property: "body", expected, found },
        ));
    }
}

/// The first lines that differ; whole function bodies would be too long.
fn first_difference(expected: &str, found: &str) -> (String, String) {
    let mut lines = expected.lines().zip(found.lines());
    match lines.find(|(e, f)| e != f) {
        Some((e, f)) => (quoted(e.trim()), quoted(f.trim())),
        None => (
            format!("{} lines", expected.lines().count()),
            format!("{} lines", found.lines().count()),
        ),
    }
}

fn property<T: Shown + PartialEq>(
    object: &str,
    property: &'static str,
    expected: &T,
    found: &T,
    out: &mut Vec<Difference>,
) {
    if expected != found {
        let finding =
            Finding::Different { property, expected: expected.shown(), found: found.shown() };
        out.push(difference(object.to_owned(), finding));
    }
}

fn difference(object: String, finding: Finding) -> Difference {
    Difference { object, finding }
}

/// Formats a property for a message.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Shown for Option<String> {
    fn shown(&self) -> String {
        self.as_deref().map_or_else(|| "none".to_owned(), quoted)
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}
