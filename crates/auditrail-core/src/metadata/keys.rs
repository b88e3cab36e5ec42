//! The keys of JSON objects, to find repeated ones.

use std::borrow::Cow;

use crate::error::ValueError;

/// Up to this number, keys are compared with each other; more are sorted first.
const FEW: usize = 8;

/// The keys of the containers that are open, in the order of the text.
#[derive(Default)]
pub(super) struct Keys {
    /// Start and end of each key in bytes, with its quotes.
    keys: Vec<(usize, usize)>,
    /// For each open container the number of keys before it.
    starts: Vec<usize>,
}

impl Keys {
    /// An object or array starts.
    pub(super) fn open(&mut self) {
        self.starts.push(self.keys.len());
    }

    /// The text from `start` to `end` is a key of the innermost object.
    pub(super) fn add(&mut self, start: usize, end: usize) {
        self.keys.push((start, end));
    }

    /// The innermost object or array ends.
    ///
    /// # Errors
    /// When it has two equal keys.
    pub(super) fn close(&mut self, text: &str) -> Result<(), ValueError> {
        let start = self.starts.pop().unwrap_or(0);
        let repeated = repetition(text, &self.keys[start..]);
        self.keys.truncate(start);
        repeated.map_or(Ok(()), |at| Err(ValueError::RepeatedKey { at }))
    }
}

/// Where a key starts that equals an earlier one.
fn repetition(text: &str, keys: &[(usize, usize)]) -> Option<usize> {
    if keys.len() < 2 {
        return None;
    }
    let raw = |&(start, end): &(usize, usize)| &text[start..end];
    if keys.len() <= FEW && !keys.iter().any(|key| raw(key).contains('\\')) {
        let repeats = |(index, key)| keys[..index].iter().any(|earlier| raw(earlier) == raw(key));
        return keys.iter().enumerate().find(|pair| repeats(*pair)).map(|(_, key)| key.0);
    }
    let mut decoded: Vec<(Cow<'_, str>, usize)> =
        keys.iter().map(|key| (decode(raw(key)), key.0)).collect();
    decoded.sort_unstable();
    decoded.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1)
}

/// The key that a JSON string of valid syntax means, in quotes: it can be written in several ways.
fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(&raw[1..raw.len() - 1]);
    }
    serde_json::from_str(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
}
