//! A record on its way to the service.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

/// A record on its way to the service: in memory, in the spool, or in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its JSON text.
    pub(crate) text: Bytes,
    /// Whether the recorder assigned `created_at`. The record may then be sent without it.
    pub(crate) is_stamped: bool,
}

impl Entry {
    /// Bytes of the text.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The text without `created_at`, so that the service assigns the time. `None` if it is not an object
    /// with that field.
    pub(crate) fn text_without_time(&self) -> Option<Bytes> {
        let mut fields: BTreeMap<&str, &RawValue> = serde_json::from_slice(&self.text).ok()?;
        fields.remove("created_at")?;
        serde_json::to_vec(&fields).ok().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_time_keeps_all_other_fields_exactly() {
        let text =
            r#"{"created_at":"2026-01-02T03:04:05Z","id":"x","metadata":{"created_at":1.10e2}}"#;
        let entry = Entry { text: Bytes::from_static(text.as_bytes()), is_stamped: true };
        let expected = r#"{"id":"x","metadata":{"created_at":1.10e2}}"#;
        assert_eq!(entry.text_without_time().as_deref(), Some(expected.as_bytes()));
        let untimed = Entry { text: Bytes::from_static(expected.as_bytes()), is_stamped: true };
        assert_eq!(untimed.text_without_time(), None);
    }
}
