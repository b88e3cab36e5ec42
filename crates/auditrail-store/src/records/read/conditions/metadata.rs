//! The condition of a metadata filter, and what an index can make of it.

use auditrail_core::MetadataFilter;
use serde_json::json;

use crate::sql::Sql;
use crate::value::JsonText;

/// Adds that the value of the key, as `->>` shows it, is the text of the filter.
///
/// No index knows `->>` of any key there is. The index of the metadata knows whole values, so those
/// that can look like the text are asked for first; `->>` then says which of them do.
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

/// The objects of which metadata that matches contains at least one; none when nothing can be said.
///
/// `->>` shows a string as it is, a number and a boolean as JSON writes them, and `null` not at all.
/// Text that may be a whole object or list is left to `->>` alone: an empty one contains nothing an
/// index could find it by.
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

    fn found_by(value: &str) -> Vec<String> {
        objects(&MetadataFilter::new("k", value).unwrap())
    }

    #[test]
    fn text_that_reads_as_a_number_or_a_boolean_may_be_one() {
        assert_eq!(found_by("5"), [r#"{"k":"5"}"#, r#"{"k":5}"#]);
        assert_eq!(found_by("-0.50"), [r#"{"k":"-0.50"}"#, r#"{"k":-0.50}"#]);
        assert_eq!(found_by("true"), [r#"{"k":"true"}"#, r#"{"k":true}"#]);
    }

    #[test]
    fn text_that_jsonb_prints_for_no_number_is_a_string() {
        for text in ["", "x\"y", "null", "1e5", "05", "+5", ".5", "5.", "-", "1.2.3", "٣", " 5"] {
            assert_eq!(found_by(text), [json!({ "k": text }).to_string()], "{text:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_may_be_an_object_or_a_list() {
        assert_eq!(found_by("{}"), Vec::<String>::new());
        assert_eq!(found_by("[1]"), Vec::<String>::new());
    }
}
