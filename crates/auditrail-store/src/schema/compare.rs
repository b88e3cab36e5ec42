//! Compares an expected with a live schema.

use std::collections::BTreeMap;

use super::difference::{
    Difference, Finding, compare_trigger, difference, extra_index, property, quoted,
};
use super::model::{Column, Function, Index, Schema, Table};
use super::partitions;

/// Every difference between `found` and `expected`, by name. Tables and functions that are not in
/// `expected` belong to the application and are ignored, except for partitions of expected tables.
#[must_use]
pub fn compare(expected: &Schema, found: &Schema) -> Vec<Difference> {
    let mut out = Vec::new();
    for (name, table) in &expected.tables {
        match found.tables.get(name) {
            Some(live) => {
                compare_table(name, table, live, &mut out);
                partitions::compare(name, table, found, &mut out);
            }
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
            if !(found.partitioned_by.is_some() && partitions::is_equal_check(e, f)) {
                property(o, "definition", e, f, out);
            }
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
