//! The description of the interface as a page for people.
//!
//! It is written here, from the same document that `/openapi.json` gives, and holds no script: the
//! ready-made viewers either load theirs from another host or weigh megabytes, and nothing of a page
//! without scripts can be turned against its reader. The one style is in the page and is named in its
//! policy by its digest.

mod operation;
mod schema;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::routes;

const STYLE: &str = include_str!("docs_page/style.css");

/// The same for everybody until the program ends, so it is written once.
static PAGE: LazyLock<Page> = LazyLock::new(Page::write);

struct Page {
    html: String,
    policy: HeaderValue,
}

/// Answers with the page.
pub(crate) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, PAGE.policy.clone()),
    ];
    (headers, PAGE.html.as_str()).into_response()
}

impl Page {
    fn write() -> Self {
        // What is sent as JSON has a JSON form; a test looks at the page.
        let api = serde_json::to_value(routes::openapi()).unwrap_or_default();
        let digest = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'"
        );
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        let policy = HeaderValue::from_str(&policy).unwrap_or(nothing);
        Self { html: document(&api).into_string(), policy }
    }
}

fn document(api: &Value) -> Markup {
    let (title, version) = (text(&api["info"]["title"]), text(&api["info"]["version"]));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " API " (version) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the operations" }
                header {
                    h1 { (title) " API" }
                    p { (prose(text(&api["info"]["description"]))) }
                    p.quiet {
                        "Version " (version) " · " a href="openapi.json" { "OpenAPI document" }
                    }
                }
                (contents(api))
                main id="main" tabindex="-1" {
                    (operation::all(api))
                    h2 id="schemas" { "Schemas" }
                    @for (name, value) in entries(&api["components"]["schemas"]) {
                        (schema::section(name, value))
                    }
                }
            }
        }
    }
}

fn contents(api: &Value) -> Markup {
    html! {
        nav aria-label="Contents" {
            h2 { "Operations" }
            ul {
                @for (path, method, operation) in operation::list(api) {
                    li {
                        a href={ "#" (text(&operation["operationId"])) } {
                            (operation::method(method)) " " code { (path) }
                        }
                    }
                }
            }
            h2 { "Schemas" }
            ul.inline {
                @for (name, _) in entries(&api["components"]["schemas"]) {
                    li { a href={ "#schema-" (name) } { (name) } }
                }
            }
        }
    }
}

/// Text whose words in backticks are code.
fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A table that can be scrolled sideways, with the keyboard too.
fn table(label: &str, heads: &[&str], rows: &[Markup]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    let object = object.as_object().unwrap_or(&EMPTY);
    object.iter().map(|(name, value)| (name.as_str(), value))
}

fn items(array: &Value) -> &[Value] {
    array.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
