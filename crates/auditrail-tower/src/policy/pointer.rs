//! JSON pointers (RFC 6901), and what is taken out of documents by them.

use serde_json::{Map, Value};

/// The steps of a JSON pointer to a place below the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a pointer; `None` when the text is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let steps = text.strip_prefix('/')?;
        steps.split('/').map(unescaped).collect::<Option<_>>().map(Self)
    }

    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// What is at the place.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => items.get(index(step)?),
            _ => None,
        })
    }
}

/// The parts of a document that the pointers lead to, in their places. Arrays become objects.
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
    // What another pointer put there as a whole holds this place already, or has no such place.
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// A step as the place in an array: plain digits without leading zeros.
fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| plain)
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
