//! The calls.

use maud::{Markup, html};
use serde_json::Value;

use super::{entries, items, prose, schema, table, text};

/// Every call: its path, its method, and what is said of it.
pub(super) fn list(api: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    entries(&api["paths"])
        .flat_map(|(path, item)| entries(item).map(move |(method, call)| (path, method, call)))
}

/// The name of a method, as it is sent.
pub(super) fn method(name: &str) -> Markup {
    html! { span.method { (name.to_uppercase()) } }
}

/// A section for each.
pub(super) fn all(api: &Value) -> Markup {
    html! {
        @for (path, name, call) in list(api) {
            @let id = text(&call["operationId"]);
            section aria-labelledby=(id) {
                h2 id=(id) { (method(name)) " " code { (path) } }
                (said(call))
                p { strong { "Requires" } " " (needs(call)) }
                (parameters(call))
                (body(&call["requestBody"]))
                (responses(call))
            }
        }
    }
}

fn said(call: &Value) -> Markup {
    html! {
        p { (prose(text(&call["summary"]))) }
        @for paragraph in text(&call["description"]).split("\n\n").filter(|p| !p.is_empty()) {
            p { (prose(paragraph)) }
        }
    }
}

/// Which key a call asks for.
fn needs(call: &Value) -> Markup {
    let scopes = items(&call["security"]).iter().flat_map(entries).flat_map(|(_, s)| items(s));
    let scopes: Vec<_> = scopes.map(text).collect();
    html! {
        @if scopes.is_empty() { "any valid API key" }
        @else { "an API key with the scope " code { (scopes.join(", ")) } }
    }
}

fn parameters(call: &Value) -> Markup {
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
    let rows: Vec<_> = items(&call["parameters"]).iter().map(row).collect();
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
            ul { @for (form, content) in entries(&body["content"]) {
                li { code { (form) } ": " (schema::kind(&content["schema"])) }
            } }
        }
    }
}

fn responses(call: &Value) -> Markup {
    let row = |(status, response): (&str, &Value)| {
        html! {
            tr {
                th scope="row" { (if status == "default" { "any other" } else { status }) }
                td { (prose(text(&response["description"]))) }
                td {
                    @for (place, (form, content)) in entries(&response["content"]).enumerate() {
                        @if place > 0 { br; }
                        code { (form) } " " (schema::kind(&content["schema"]))
                    }
                }
            }
        }
    };
    let rows: Vec<_> = entries(&call["responses"]).map(row).collect();
    html! {
        h3 { "Responses" }
        (table("Responses", &["Status", "Description", "Body"], &rows))
    }
}

/// Whether something must be there, in words.
pub(super) fn required(is_required: bool) -> &'static str {
    if is_required { "yes" } else { "no" }
}
