//! The API description as an HTML page.
//!
//! The page is rendered from the OpenAPI document and has no script: existing viewers load scripts from
//! another host or are megabytes large, and a page without scripts has no attack surface. Its only style
//! sheet is inline and allowed by its digest in the content security policy.

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
use utoipa::openapi::OpenApi;

const STYLE: &str = include_str!("page/style.css");

/// A rendered page.
pub(crate) struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    /// The page as a response.
    pub(crate) fn response(&'static self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
        ];
        (headers, self.html.as_str()).into_response()
    }

    /// Renders the page.
    pub(crate) fn render(api: &OpenApi) -> Self {
        // Serializing the document cannot fail; a test checks the page.
        let api = serde_json::to_value(api).unwrap_or_default();
        let digest = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'"
        );
        let fallback = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        let policy = HeaderValue::from_str(&policy).unwrap_or(fallback);
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

/// Text in which words in backticks are code.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A table that can be scrolled horizontally, also with the keyboard.
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

/// Whether a value is required, as text.
fn required(is_required: bool) -> &'static str {
    if is_required { "yes" } else { "no" }
}
