//! The schemas.

use maud::{Markup, html};
use serde_json::Value;

use super::{entries, items, prose, required, table, text};

/// A named schema with its fields, and those that it has in common with others.
pub(super) fn section(name: &str, schema: &Value) -> Markup {
    let parts = items(&schema["allOf"]);
    let rows: Vec<_> = [schema].into_iter().chain(parts).flat_map(fields).collect();
    let common: Vec<_> = parts.iter().filter(|part| part["$ref"].is_string()).collect();
    let id = format!("schema-{name}");
    html! {
        section aria-labelledby=(id) {
            h3 id=(id) { (name) }
            p { (prose(text(&schema["description"]))) }
            @for part in common { p { "With all fields of " (kind(part)) "." } }
            @if rows.is_empty() { p { (kind(schema)) } }
            @else { (table(name, &["Field", "Type", "Required", "Description"], &rows)) }
        }
    }
}

/// A row for each field that the schema itself has.
fn fields(schema: &Value) -> impl Iterator<Item = Markup> {
    let is_required = |field: &str| items(&schema["required"]).iter().any(|name| name == field);
    entries(&schema["properties"]).map(move |(field, value)| {
        html! {
            tr {
                th scope="row" { code { (field) } }
                td { (kind(value)) }
                td { (required(is_required(field))) }
                td { (prose(text(&value["description"]))) }
            }
        }
    })
}

/// The type of a value with its limits, as text.
pub(super) fn kind(schema: &Value) -> Markup {
    html! { (base(schema)) (limits(schema)) }
}

fn base(schema: &Value) -> Markup {
    if let Some(name) = text(&schema["$ref"]).strip_prefix("#/components/schemas/") {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    if let Some(choices) =
        ["oneOf", "anyOf", "allOf"].into_iter().find_map(|key| schema[key].as_array())
    {
        return html! {
            @for (index, choice) in choices.iter().enumerate() {
                @if index > 0 { " or " }
                (kind(choice))
            }
        };
    }
    if let Some(title) = schema["title"].as_str() {
        return html! { (title) };
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        single => single.as_str().into_iter().collect(),
    };
    html! {
        @if types.contains(&"array") { "list of " (kind(&schema["items"])) }
        @else { (types.join(" or ")) }
        @if let Some(format) = schema["format"].as_str() { " (" (format) ")" }
        @for (index, value) in items(&schema["enum"]).iter().enumerate() {
            (if index == 0 { ": " } else { ", " }) code { (plain(value)) }
        }
    }
}

/// Limits as text. Patterns are left out; the descriptions explain them.
fn limits(schema: &Value) -> Markup {
    const LIMITS: [(&str, &str); 8] = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("minItems", "items at least"),
        ("maxItems", "items at most"),
        ("maxProperties", "fields at most"),
        ("default", "default"),
    ];
    html! {
        @for (key, label) in LIMITS {
            @if let Some(value) = schema.get(key) {
                "; " (label) " " code { (plain(value)) }
            }
        }
    }
}

/// A value without JSON quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
