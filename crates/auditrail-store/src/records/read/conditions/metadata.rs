//! The condition of a metadata filter, in a form that an index supports.

use auditrail_core::MetadataFilter;
use serde_json::json;

use crate::sql::Sql;
use crate::value::JsonText;

/// Adds the condition that the value of the key, as `->>` returns it, is the text of the filter.
///
/// No index supports `->>` for all keys. The index of the metadata supports containment of values, so the
/// condition adds the values that `->>` can return as the text.
pub(in crate::records) fn push(sql: &mut Sql, filter: &MetadataFilter) {
    sql.push(" and metadata ->> ").push_bind(filter.key());
    sql.push(" = ").push_bind(filter.value());
    let mut before = " and (";
    for object in objects(filter) {
        sql.push(before).push("metadata @> ").push_bind(JsonText(&object));
        before = " or ";
    }
    if before == " or " {
        sql.push(")");
    }
}

/// The objects of which matching metadata contains at least one; empty if that is unknown.
///
/// `->>` returns a string unquoted, a number and a boolean as in JSON, and no text for `null`. Text that
/// may be an object or a list is left to `->>`: an empty one contains nothing that an index could find.
fn objects(filter: &MetadataFilter) -> Vec<String> {
    let (key, value) = (filter.key(), filter.value());
    if value.starts_with(['{', '[']) {
        return Vec::new();
    }
    let mut objects = vec![json!({ key: value }).to_string()];
    if matches!(value, "true" | "false") || is_plain_number(value) {
        objects.push(format!("{{{}:{value}}}", json!(key)));
    }
    objects
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
    fn possible_objects_and_lists_have_no_condition() {
        assert_eq!(objects_of("{}"), Vec::<String>::new());
        assert_eq!(objects_of("[1]"), Vec::<String>::new());
    }
}
