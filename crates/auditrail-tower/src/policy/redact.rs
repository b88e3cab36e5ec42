//! Redaction: removes secrets, and replaces what the database cannot store.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::pointer::Pointer;

/// Always removed, case-insensitively.
const ALWAYS_REMOVED: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];

/// Maximum nesting of a recorded value. The service accepts 32 levels for the whole metadata.
const DEPTH_MAX: usize = 24;
const TOO_DEEP: &str = "[too deep]";
/// JavaScript formats numbers outside of this range with an exponent, PostgreSQL in full. Both clients use
/// these limits.
const PLAIN_MAX: f64 = 1e21;
const PLAIN_MIN: f64 = 1e-6;

/// The names and JSON pointers that are removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction {
    /// In lower case.
    names: Vec<String>,
    pointers: Vec<Pointer>,
}

impl Redaction {
    /// Entries are names, or JSON pointers if they start with a slash.
    pub(crate) fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut redaction = Self::default();
        redaction.names.extend(ALWAYS_REMOVED.map(str::to_owned));
        for entry in entries {
            match Pointer::parse(entry) {
                Some(pointer) => redaction.pointers.push(pointer),
                None => redaction.names.push(entry.to_lowercase()),
            }
        }
        redaction
    }

    /// Whether fields of this name are removed.
    pub(crate) fn removes(&self, name: &str) -> bool {
        if name.is_ascii() {
            return self.names.iter().any(|removed| removed.eq_ignore_ascii_case(name));
        }
        self.names.contains(&name.to_lowercase())
    }

    /// Whether a pointer leads to or into a removed value.
    pub(crate) fn hides(&self, pointer: &Pointer) -> bool {
        pointer.steps().iter().any(|step| self.removes(step))
            || self.pointers.iter().any(|hidden| pointer.steps().starts_with(hidden.steps()))
    }

    /// A redacted copy that the service accepts. `None` if the whole value is removed.
    pub(crate) fn clean(&self, value: &Value) -> Option<Value> {
        self.copy(value, &mut Vec::new())
    }

    fn copy(&self, value: &Value, path: &mut Vec<String>) -> Option<Value> {
        if !path.is_empty() && self.pointers.iter().any(|pointer| pointer.steps() == path) {
            return None;
        }
        let deep = path.len() >= DEPTH_MAX;
        Some(match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => plain_number(number),
            Value::String(text) => Value::String(storable(text).into_owned()),
            Value::Array(_) | Value::Object(_) if deep => TOO_DEEP.into(),
            Value::Array(items) => {
                let inner = items.iter().enumerate();
                let copies = inner.map(|(at, item)| {
                    self.inner(item, path, at.to_string()).unwrap_or(Value::Null)
                });
                Value::Array(copies.collect())
            }
            Value::Object(fields) => {
                let kept = fields.iter().filter(|(name, _)| !self.removes(name));
                let copies = kept.filter_map(|(name, inner)| {
                    let copy = self.inner(inner, path, name.clone())?;
                    Some((storable(name).into_owned(), copy))
                });
                Value::Object(copies.collect::<Map<_, _>>())
            }
        })
    }

    fn inner(&self, value: &Value, path: &mut Vec<String>, step: String) -> Option<Value> {
        path.push(step);
        let copy = self.copy(value, path);
        path.pop();
        copy
    }
}

/// Replaces NUL, which jsonb cannot store.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// A number, or its text if it needs an exponent.
fn plain_number(number: &Number) -> Value {
    match number.as_f64() {
        Some(float) if number.is_f64() && !is_plain(float) => number_text(number).into(),
        _ => Value::Number(number.clone()),
    }
}

fn is_plain(float: f64) -> bool {
    float == 0.0 || (PLAIN_MIN..PLAIN_MAX).contains(&float.abs())
}

/// A number as text, in the format of JavaScript.
pub(crate) fn number_text(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    if is_plain(float) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

/// Text for a column: without control characters, truncated to `max_chars`.
pub(crate) fn column(text: &str, max_chars: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(plain).take(max_chars).collect()
}
