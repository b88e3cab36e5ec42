//! The operations.

use maud::{Markup, html};
use serde_json::Value;

use super::{entries, items, prose, required, schema, table, text};

/// Every operation: path, method and description.
pub(super) fn list(api: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    entries(&api["paths"]).flat_map(|(path, item)| {
        entries(item).map(move |(method, operation)| (path, method, operation))
    })
}

/// A method name in upper case.
pub(super) fn method(name: &str) -> Markup {
    html! { span.method { (name.to_uppercase()) } }
}

/// A section for each operation.
pub(super) fn all(api: &Value) -> Markup {
    html! {
        @for (path, name, operation) in list(api) {
            @let id = text(&operation["operationId"]);
            section aria-labelledby=(id) {
                h2 id=(id) { (method(name)) " " code { (path) } }
                (description(operation))
                p { strong { "Requires" } " " (authorization(operation)) }
                (parameters(operation))
                (body(&operation["requestBody"]))
                (responses(operation))
            }
        }
    }
}

fn description(operation: &Value) -> Markup {
    html! {
        p { (prose(text(&operation["summary"]))) }
        @for paragraph in text(&operation["description"]).split("\n\n").filter(|p| !p.is_empty()) {
            p { (prose(paragraph)) }
        }
    }
}

/// The API key that an operation requires.
fn authorization(operation: &Value) -> Markup {
    let scopes = items(&operation["security"]).iter().flat_map(entries).flat_map(|(_, s)| items(s));
    let scopes: Vec<_> = scopes.map(text).collect();
    html! {
        @if scopes.is_empty() { "any valid API key" }
        @else { "an API key with the scope " code { (scopes.join(", ")) } }
    }
}

fn parameters(operation: &Value) -> Markup {
    let row = |parameter: &Value| {
        html! {
            tr {
                th scope="row" { code { (text(&parameter["name"])) } }
                td { (text(&parameter["in"])) }
                td { (schema::kind(&parameter["schema"])) }
                td { (required(parameter["required"] == true)) }
                td { (prose(text(&parameter["description"]))) }
            }
        }
    };
    let rows: Vec<_> = items(&operation["parameters"]).iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h3 { "Parameters" }
            (table("Parameters", &["Name", "In", "Type", "Required", "Description"], &rows))
        }
    }
}

fn body(body: &Value) -> Markup {
    html! {
        @if !body.is_null() {
            h3 { "Body" }
            @if let Some(description) = body["description"].as_str() { p { (prose(description)) } }
            ul { @for (media_type, content) in entries(&body["content"]) {
                li { code { (media_type) } ": " (schema::kind(&content["schema"])) }
            } }
        }
    }
}

fn responses(operation: &Value) -> Markup {
    let row = |(status, response): (&str, &Value)| {
        html! {
            tr {
                th scope="row" { (if status == "default" { "any other" } else { status }) }
                td { (prose(text(&response["description"]))) }
                td {
                    @for (index, (media_type, content)) in entries(&response["content"]).enumerate() {
                        @if index > 0 { br; }
                        code { (media_type) } " " (schema::kind(&content["schema"]))
                    }
                }
            }
        }
    };
    let rows: Vec<_> = entries(&operation["responses"]).map(row).collect();
    html! {
        h3 { "Responses" }
        (table("Responses", &["Status", "Description", "Body"], &rows))
    }
}
