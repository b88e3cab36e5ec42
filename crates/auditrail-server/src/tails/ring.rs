//! The newest records in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use auditrail_core::{FeedItem, FeedPosition};
use bytes::Bytes;

use crate::limits::{TAIL_MEMORY_MAX_BYTES, TAIL_STEP_RECORDS};

/// A record in memory.
#[derive(Debug)]
pub(crate) struct RingItem {
    pub(crate) item: FeedItem,
    /// Its event, which all listeners share.
    pub(crate) event: Bytes,
}

/// The newest records, up to [`TAIL_MEMORY_MAX_BYTES`].
#[derive(Debug)]
pub(super) struct Ring {
    items: VecDeque<Arc<RingItem>>,
    bytes: usize,
    /// The position before the first item.
    start: i64,
    /// The position after the last item.
    end: FeedPosition,
}

/// Records after a position.
#[derive(Debug)]
pub(crate) enum Newest {
    /// Some records, and the position after them.
    Records(Vec<Arc<RingItem>>, FeedPosition),
    /// The position is the newest.
    None,
    /// Records after the position are not in memory any more.
    Behind,
}

impl Default for Ring {
    fn default() -> Self {
        Self::from_position(FeedPosition::START)
    }
}

impl Ring {
    /// An empty ring at a position.
    pub(super) const fn from_position(end: FeedPosition) -> Self {
        Self { items: VecDeque::new(), bytes: 0, start: end.seq, end }
    }

    pub(super) const fn end(&self) -> FeedPosition {
        self.end
    }

    /// Adds records, and drops the oldest beyond the maximum size.
    pub(super) fn push(&mut self, items: Vec<RingItem>, end: FeedPosition) {
        for item in items {
            self.bytes += size(&item);
            self.items.push_back(Arc::new(item));
        }
        self.end = end;
        while self.bytes > TAIL_MEMORY_MAX_BYTES
            && let Some(oldest) = self.items.pop_front()
        {
            self.bytes -= size(&oldest);
            self.start = oldest.item.seq;
        }
    }

    /// The position with this seq, if its record is in memory.
    pub(super) fn position(&self, seq: i64) -> Option<FeedPosition> {
        if seq == self.end.seq {
            return Some(self.end);
        }
        let found = self.items.binary_search_by_key(&seq, |item| item.item.seq).ok()?;
        Some(self.items[found].item.position())
    }

    /// Records after a seq. Positions of the ring may have no record: one that has left the log.
    pub(super) fn after(&self, seq: i64) -> Newest {
        if seq < self.start {
            return Newest::Behind;
        }
        if seq >= self.end.seq {
            return Newest::None;
        }
        let first = self.items.partition_point(|item| item.item.seq <= seq);
        let items: Vec<_> =
            self.items.range(first..).take(TAIL_STEP_RECORDS).map(Arc::clone).collect();
        let is_rest = first + items.len() == self.items.len();
        let end = match items.last() {
            Some(last) if !is_rest => last.item.position(),
            _ => self.end,
        };
        Newest::Records(items, end)
    }
}

/// The memory of a record: its event, and about as much for its fields.
fn size(item: &RingItem) -> usize {
    size_of::<RingItem>() + 2 * item.event.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(seq: i64, bytes: usize) -> RingItem {
        let record = serde_json::json!({
            "id": "00000000-0000-0000-0000-000000000001", "actor_id": "ana", "actor_type": "user",
            "action": "project.created", "target_type": "project", "target_id": "p1",
            "created_at": "2026-01-02T03:04:05Z"
        });
        let record = serde_json::from_str(&record.to_string()).unwrap();
        RingItem { item: FeedItem { seq, record }, event: vec![b'x'; bytes].into() }
    }

    fn seqs(newest: Newest) -> (Vec<i64>, i64) {
        match newest {
            Newest::Records(items, end) => {
                (items.iter().map(|item| item.item.seq).collect(), end.seq)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_position_before_the_ring_is_behind() {
        let mut ring = Ring::from_position(FeedPosition::after(4));
        assert!(matches!(ring.after(4), Newest::None));
        ring.push(vec![item(5, 10), item(7, 10)], FeedPosition::after(8));
        assert!(matches!(ring.after(3), Newest::Behind));
        assert_eq!(seqs(ring.after(4)), (vec![5, 7], 8));
        assert_eq!(seqs(ring.after(5)), (vec![7], 8));
        assert_eq!(ring.position(7).map(|position| position.seq), Some(7));
        assert_eq!(ring.position(8), Some(FeedPosition::after(8)));
        assert!(ring.position(6).is_none() && ring.position(4).is_none());
        // Seq 8 has left the log.
        assert_eq!(seqs(ring.after(7)), (vec![], 8));
        assert!(matches!(ring.after(8), Newest::None));
    }

    #[test]
    fn memory_is_bounded() {
        let mut ring = Ring::default();
        let large = TAIL_MEMORY_MAX_BYTES / 5;
        ring.push((0..9).map(|seq| item(seq, large)).collect(), FeedPosition::after(8));
        assert!(ring.bytes <= TAIL_MEMORY_MAX_BYTES);
        assert_eq!(ring.items.len(), 2);
        assert!(matches!(ring.after(5), Newest::Behind));
        assert_eq!(seqs(ring.after(6)), (vec![7, 8], 8));
    }

    #[test]
    fn a_step_is_bounded() {
        let mut ring = Ring::default();
        let many = i64::try_from(TAIL_STEP_RECORDS).unwrap() + 5;
        ring.push((0..many).map(|seq| item(seq, 1)).collect(), FeedPosition::after(many - 1));
        let (first, end) = seqs(ring.after(-1));
        assert_eq!(first.len(), TAIL_STEP_RECORDS);
        assert_eq!(end, many - 6);
        assert_eq!(seqs(ring.after(end)).0.len(), 5);
    }
}
