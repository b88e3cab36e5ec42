//! The sequence of records: positions and items.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::id::RecordId;
use crate::query::{Filters, PageSize};
use crate::record::Record;

/// A position in the sequence of records: after the record with a seq.
///
/// Store it to continue from it later, with both fields: the id makes a position of another history of the log
/// detectable, such as that of a database that was restored to an earlier state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPosition {
    /// The seq of the last record before the position, from 0; -1 before the first record.
    pub seq: i64,
    /// The id of that record, or the [digest](Self::without_id) of it; `None` if it is not known.
    pub id: Option<RecordId>,
}

impl FeedPosition {
    /// Before the first record.
    pub const START: Self = Self { seq: -1, id: None };

    /// After the record with this seq, whatever its id.
    #[must_use]
    pub const fn after(seq: i64) -> Self {
        Self { seq, id: None }
    }

    /// The position with a digest in place of the id, for a caller that may not see the record.
    #[must_use]
    pub fn without_id(self) -> Self {
        Self { id: self.id.map(digest), ..self }
    }

    /// Whether the record at this position may be the one with this id.
    #[must_use]
    pub fn is_of(&self, id: RecordId) -> bool {
        self.id.is_none_or(|own| own == id || own == digest(id))
    }
}

/// An id from which the id of a record cannot be derived. It never changes, since callers store it.
fn digest(id: RecordId) -> RecordId {
    RecordId::derived(None, &[b"feed position", id.as_uuid().as_bytes()])
}

impl fmt::Display for FeedPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{} ({id})", self.seq),
            None => self.seq.fmt(f),
        }
    }
}

/// A record with its seq.
///
/// Serializes as the record with the additional member `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeedItem {
    /// The index of the record in the sequence, from 0. It never changes.
    pub seq: i64,
    /// The record.
    #[serde(flatten)]
    pub record: Record,
}

impl FeedItem {
    /// The position after this record.
    #[must_use]
    pub const fn position(&self) -> FeedPosition {
        FeedPosition { seq: self.seq, id: Some(self.record.id) }
    }
}

/// Only from JSON text: metadata keeps its text.
impl<'de> Deserialize<'de> for FeedItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Seq {
            seq: i64,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let parse = |error: serde_json::Error| serde::de::Error::custom(error);
        let Seq { seq } = serde_json::from_str(text.get()).map_err(parse)?;
        let record = serde_json::from_str(text.get()).map_err(parse)?;
        Ok(Self { seq, record })
    }
}

/// A request for the next records of the sequence, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedQuery {
    /// The records to return. All intents match by default.
    pub filters: Filters,
    /// Where to continue.
    pub after: FeedPosition,
    /// Maximum number of records.
    pub limit: PageSize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_without_its_id_is_recognized() {
        let id = RecordId::derived(None, &[b"a"]);
        let other = RecordId::derived(None, &[b"b"]);
        let position = FeedPosition { seq: 7, id: Some(id) };
        let hidden = position.without_id();
        assert_ne!(hidden, position);
        assert!(hidden.is_of(id) && position.is_of(id) && FeedPosition::after(7).is_of(id));
        assert!(!hidden.is_of(other) && !position.is_of(other));
    }

    #[test]
    fn an_item_is_a_record_with_its_seq() {
        let text = r#"{"seq":5,"id":"00000000-0000-0000-0000-000000000001","actor_id":"ana","actor_type":"user","action":"project.created","target_type":"project","target_id":"p1","metadata":{"n": 1.50},"ip_address":null,"user_agent":null,"created_at":"2026-01-02T03:04:05.000000Z","tenant_id":null,"request_id":null,"outcome":null,"actor_name":null,"target_name":null,"recorded_by":null}"#;
        let item: FeedItem = serde_json::from_str(text).unwrap();
        assert_eq!(item.seq, 5);
        assert_eq!(serde_json::to_string(&item).unwrap(), text);
    }
}
