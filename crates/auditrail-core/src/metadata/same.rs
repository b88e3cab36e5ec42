//! Compares JSON values as jsonb does.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::number::Number;

/// Levels up to which values are compared; accepted metadata has at most 32.
const MAX_DEPTH: usize = 128;

/// Whether two JSON texts have equal values; text that cannot be read counts as different.
pub(super) fn same_content(a: &RawValue, b: &RawValue) -> bool {
    match (Content::read(a, MAX_DEPTH), Content::read(b, MAX_DEPTH)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

#[derive(PartialEq)]
enum Content {
    Null,
    Bool(bool),
    Number((bool, String, i64)),
    Text(String),
    List(Vec<Content>),
    Object(BTreeMap<String, Content>),
}

impl Content {
    fn read(raw: &RawValue, levels_left: usize) -> Option<Self> {
        let text = raw.get();
        let content = match text.as_bytes().first()? {
            b'n' => Self::Null,
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let levels_left = levels_left.checked_sub(1)?;
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::List(
                    items.into_iter().map(|v| Self::read(v, levels_left)).collect::<Option<_>>()?,
                )
            }
            b'{' => {
                let levels_left = levels_left.checked_sub(1)?;
                // A map takes the last of repeated keys, as jsonb does.
                let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                let read = |(key, v)| Some((key, Self::read(v, levels_left)?));
                Self::Object(fields.into_iter().map(read).collect::<Option<_>>()?)
            }
            _ => Self::Number(Number::parse(text).canonical()),
        };
        Some(content)
    }
}
