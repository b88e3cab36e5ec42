//! The condition of a metadata filter, in a form that an index supports.

use auditrail_core::MetadataFilter;
use serde_json::json;

use crate::sql::Sql;
use crate::value::JsonText;

/// Adds the condition that the value of the key, as `->>` returns it, is the text of the filter. A key with
/// dots may also be the path to a value in nested objects.
///
/// No index supports `->>` for all keys. The index of the metadata supports containment of values, so the
/// condition adds the values that `->>` can return as the text.
pub(in crate::records) fn push(sql: &mut Sql, filter: &MetadataFilter) {
    let path = filter.path();
    sql.push("(");
    push_value(sql, &[filter.key()], filter.value());
    if let Some(path) = &path {
        sql.push(" or ");
        push_value(sql, path, filter.value());
    }
    sql.push(")");
    let mut before = " and (";
    for object in objects(filter) {
        sql.push(before).push("metadata @> ").push_bind(JsonText(&object));
        before = " or ";
    }
    if before == " or " {
        sql.push(")");
    }
}

/// The value at a path of keys is this text. `->` with a key returns nothing for a list.
fn push_value(sql: &mut Sql, path: &[&str], text: &str) {
    sql.push("metadata");
    for (place, key) in path.iter().enumerate() {
        sql.push(if place + 1 == path.len() { " ->> " } else { " -> " }).push_bind(*key);
    }
    sql.push(" = ").push_bind(text);
}

/// The objects of which matching metadata contains at least one; empty if that is unknown.
///
/// `->>` returns a string unquoted, a number and a boolean as in JSON, and no text for `null`. Text that
/// may be an object or a list is left to `->>`: an empty one contains nothing that an index could find.
fn objects(filter: &MetadataFilter) -> Vec<String> {
    let value = filter.value();
    if value.starts_with(['{', '[']) {
        return Vec::new();
    }
    let mut values = vec![json!(value).to_string()];
    if matches!(value, "true" | "false") || is_plain_number(value) {
        values.push(value.to_owned());
    }
    let paths = std::iter::once(vec![filter.key()]).chain(filter.path());
    paths.flat_map(|path| values.iter().map(move |value| nested(&path, value))).collect()
}

/// An object with a value at a path of keys.
fn nested(path: &[&str], value: &str) -> String {
    path.iter().rev().fold(value.to_owned(), |inner, key| format!("{{{}:{inner}}}", json!(key)))
}

/// Whether the text is a JSON number without exponent, which jsonb never prints.
fn is_plain_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !has_leading_zero && fraction.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects_of(value: &str) -> Vec<String> {
        objects(&MetadataFilter::new("k", value).unwrap())
    }

    #[test]
    fn text_may_be_a_number_or_a_boolean() {
        assert_eq!(objects_of("5"), [r#"{"k":"5"}"#, r#"{"k":5}"#]);
        assert_eq!(objects_of("-0.50"), [r#"{"k":"-0.50"}"#, r#"{"k":-0.50}"#]);
        assert_eq!(objects_of("true"), [r#"{"k":"true"}"#, r#"{"k":true}"#]);
    }

    #[test]
    fn text_that_is_no_jsonb_number_is_a_string() {
        for text in ["", "x\"y", "null", "1e5", "05", "+5", ".5", "5.", "-", "1.2.3", "٣", " 5"] {
            assert_eq!(objects_of(text), [json!({ "k": text }).to_string()], "{text:?}");
        }
    }

    #[test]
    fn key_with_dots_is_also_a_path() {
        let filter = MetadataFilter::new("http.status", "404").unwrap();
        let expected = [
            r#"{"http.status":"404"}"#,
            r#"{"http.status":404}"#,
            r#"{"http":{"status":"404"}}"#,
            r#"{"http":{"status":404}}"#,
        ];
        assert_eq!(objects(&filter), expected);
    }

    #[test]
    fn possible_objects_and_lists_have_no_condition() {
        assert_eq!(objects_of("{}"), Vec::<String>::new());
        assert_eq!(objects_of("[1]"), Vec::<String>::new());
    }
}
