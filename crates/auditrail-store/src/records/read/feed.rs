//! Reads records in the order of their seq.
//!
//! The entries of the sequencer have the ids; the records are read by them. A request reads the sequence in
//! steps: small ones first, since without filters each entry is a match, and larger ones while few match. The
//! number of entries that one request examines is bounded, so it may return fewer records than there are.

mod entries;
mod matches;

use auditrail_core::{FeedItem, FeedPosition, FeedQuery, Filters};

use crate::db::Db;
use crate::error::StoreError;
use crate::key_version::{ApiKeyVersion, verify_for_reading_sql};
use crate::records::columns::size_in_memory;
use crate::sessions::Read;
use crate::sql::Sql;
pub(crate) use entries::entry_ids;
pub(in crate::records) use entries::{head, known};

/// Most entries that one request examines: their ids are 160 kB, and looking all of them up takes some tens of
/// milliseconds.
const EXAMINED_MAX: usize = 10_000;
/// Entries of the first step of a request with filters.
const FILTERED_STEP: usize = 1_000;
/// How much larger each step is than the previous one.
const STEP_GROWTH: usize = 4;
/// Bytes of records at which a request ends early, as a page of a search does.
pub(in crate::records) const BATCH_MAX_BYTES: usize = 4 * 1_024 * 1_024;

/// Records in the order of their seq, and where the next ones start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedBatch {
    /// The matching records, by ascending seq. Records that have left the log are skipped.
    pub items: Vec<FeedItem>,
    /// The last examined entry, whether its record matches or not; where the next request continues.
    pub position: FeedPosition,
    /// The seq of the last entry of the log; -1 without any.
    pub head: i64,
}

impl FeedBatch {
    /// Whether the log has entries after the position.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.position.seq < self.head
    }
}

/// A request of which some steps are done.
pub(in crate::records) struct Progress<'a> {
    query: &'a FeedQuery,
    items: Vec<FeedItem>,
    position: FeedPosition,
    examined: usize,
    bytes: usize,
    max_bytes: usize,
    step: usize,
}

impl<'a> Progress<'a> {
    pub(in crate::records) fn new(query: &'a FeedQuery, max_bytes: usize) -> Self {
        let limit = usize::from(query.limit.get());
        let is_filtered = query.filters != Filters::default();
        let step = if is_filtered { limit.max(FILTERED_STEP) } else { limit };
        let position = query.after;
        Self { query, items: Vec::new(), position, examined: 0, bytes: 0, max_bytes, step }
    }

    /// The next step.
    pub(in crate::records) fn step(&self, key: Option<ApiKeyVersion>) -> Step<'_> {
        let Self { query, position, examined, bytes, max_bytes, step, items } = self;
        Step {
            filters: &query.filters,
            after: *position,
            entries: (*step).min(EXAMINED_MAX - examined),
            limit: usize::from(query.limit.get()) - items.len(),
            max_bytes: max_bytes.saturating_sub(*bytes),
            key,
        }
    }

    /// Adds the result of a step; the response to the request, if that was the last one.
    pub(in crate::records) fn add(&mut self, found: FeedBatch) -> Option<FeedBatch> {
        let FeedBatch { items, position, head } = found;
        let examined = usize::try_from(position.seq - self.position.seq).unwrap_or(EXAMINED_MAX);
        self.examined = (self.examined + examined).min(EXAMINED_MAX);
        self.bytes += items.iter().map(|item| size_in_memory(&item.record)).sum::<usize>();
        self.items.extend(items);
        self.position = position;
        self.step *= STEP_GROWTH;
        let is_done = position.seq >= head
            || examined == 0
            || self.examined >= EXAMINED_MAX
            || self.items.len() >= usize::from(self.query.limit.get())
            || self.bytes >= self.max_bytes;
        is_done.then(|| FeedBatch { items: std::mem::take(&mut self.items), position, head })
    }
}

/// Reads the records of a number of entries: one exchange for the entries, and one for the records if there are
/// any entries.
pub(in crate::records) struct Step<'a> {
    filters: &'a Filters,
    after: FeedPosition,
    /// Maximum number of entries.
    entries: usize,
    /// Maximum number of records.
    limit: usize,
    max_bytes: usize,
    key: Option<ApiKeyVersion>,
}

impl Read for Step<'_> {
    type Output = FeedBatch;

    fn prologue(&self) -> Vec<Sql> {
        self.key.map(|key| verify_for_reading_sql(&[key])).into_iter().collect()
    }

    async fn read(&self, mut db: Db<'_>) -> Result<FeedBatch, StoreError> {
        let entries = entries::after(db.again(), self.after, self.entries).await?;
        let head = entries.head;
        if entries.ids.is_empty() {
            let position = FeedPosition { id: entries.id_at_position, ..self.after };
            return Ok(FeedBatch { items: Vec::new(), position, head });
        }
        let found = matches::of(db, self.filters, &entries, self.limit, self.max_bytes).await?;
        let position = if found.is_complete {
            entries.last()
        } else {
            found.items.last().map_or(self.after, FeedItem::position)
        };
        Ok(FeedBatch { items: found.items, position, head })
    }
}
