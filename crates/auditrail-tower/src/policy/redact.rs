//! What never gets into a record: secrets, and what the database cannot hold.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::pointer::Pointer;

/// Removed from whatever is recorded, in any case, whatever a policy says.
const ALWAYS_REMOVED: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];

/// Levels of nesting that are kept of a value. The service takes 32, of which our own frame has some.
const DEPTH_MAX: usize = 24;
const TOO_DEEP: &str = "[too deep]";
/// From here on JavaScript writes numbers with an exponent, and PostgreSQL writes them out in full. Both
/// clients draw the same line.
const PLAIN_MAX: f64 = 1e21;
const PLAIN_MIN: f64 = 1e-6;

/// Says which names and places are removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction {
    /// In lower case.
    names: Vec<String>,
    places: Vec<Pointer>,
}

impl Redaction {
    /// Of names, and of JSON pointers, which start with a slash.
    pub(crate) fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut redaction = Self::default();
        redaction.names.extend(ALWAYS_REMOVED.map(str::to_owned));
        for entry in entries {
            match Pointer::parse(entry) {
                Some(place) => redaction.places.push(place),
                None => redaction.names.push(entry.to_lowercase()),
            }
        }
        redaction
    }

    /// Whether something of this name is removed.
    pub(crate) fn removes(&self, name: &str) -> bool {
        if name.is_ascii() {
            return self.names.iter().any(|removed| removed.eq_ignore_ascii_case(name));
        }
        self.names.contains(&name.to_lowercase())
    }

    /// Whether a place is removed, or lies in something that is.
    pub(crate) fn hides(&self, place: &Pointer) -> bool {
        place.steps().iter().any(|step| self.removes(step))
            || self.places.iter().any(|hidden| place.steps().starts_with(hidden.steps()))
    }

    /// A copy without what must not be recorded, as JSON that the service takes. `None` when nothing of
    /// it may be recorded.
    pub(crate) fn clean(&self, value: &Value) -> Option<Value> {
        self.copy(value, &mut Vec::new())
    }

    fn copy(&self, value: &Value, path: &mut Vec<String>) -> Option<Value> {
        if !path.is_empty() && self.places.iter().any(|place| place.steps() == path) {
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

/// Text that jsonb can hold: without NUL.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// A number as it is, or as text where it needs an exponent.
fn plain_number(number: &Number) -> Value {
    match number.as_f64() {
        Some(float) if number.is_f64() && !is_plain(float) => number_text(number).into(),
        _ => Value::Number(number.clone()),
    }
}

fn is_plain(float: f64) -> bool {
    float == 0.0 || (PLAIN_MIN..PLAIN_MAX).contains(&float.abs())
}

/// A number as text, in the form that JavaScript gives it.
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

/// Text for a column: no control characters, and at most so many characters.
pub(crate) fn column(text: &str, max_chars: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(plain).take(max_chars).collect()
}
