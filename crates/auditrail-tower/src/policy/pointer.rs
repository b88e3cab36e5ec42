//! JSON pointers (RFC 6901), and the selection of parts of documents.

use serde_json::{Map, Value};

/// A JSON pointer with at least one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    /// Parses a pointer; `None` if the text is not a valid one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let steps = text.strip_prefix('/')?;
        steps.split('/').map(unescaped).collect::<Option<_>>().map(Self)
    }

    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// The value at the pointer.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => items.get(index(step)?),
            _ => None,
        })
    }
}

/// The parts of a document that the pointers select, at their positions. Arrays become objects.
pub(crate) fn picked(document: &Value, pointers: &[Pointer]) -> Option<Value> {
    let mut result = Map::new();
    for pointer in pointers {
        if let Some(value) = pointer.find(document) {
            put(&mut result, pointer.steps(), value);
        }
    }
    (!result.is_empty()).then_some(Value::Object(result))
}

fn put(target: &mut Map<String, Value>, steps: &[String], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    if rest.is_empty() {
        target.insert(step.clone(), value.clone());
        return;
    }
    let inner = target.entry(step.clone()).or_insert_with(|| Value::Object(Map::new()));
    // Otherwise another pointer has selected the whole value already.
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// A step as an array index: digits without leading zeros.
fn index(step: &str) -> Option<usize> {
    let is_canonical = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| is_canonical)
}

fn unescaped(step: &str) -> Option<String> {
    let mut text = String::with_capacity(step.len());
    let mut rest = step.chars();
    while let Some(c) = rest.next() {
        match c {
            '~' => text.push(match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            _ => text.push(c),
        }
    }
    Some(text)
}
