//! Reads over [`Sessions`](crate::sessions::Sessions), several statements in one exchange.

use std::collections::HashMap;

use auditrail_core::{FeedPosition, Filters, Found, Query, Record, RecordId};
use uuid::Uuid;

use super::facets::{FacetCounts, FacetsOptions, facets};
use super::feed;
use super::get::{self, StoredParts};
use super::histogram::{HistogramOptions, TimeHistogram, histogram};
use super::search::{SEARCH_SETTINGS, WALK_SETTINGS, begins_with_walk, find};
use super::summary::{Summary, SummaryOptions, summary};
use super::values::{FieldValues, ValuesOptions, values};
use crate::db::Db;
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::key_version::verify_for_reading_sql;
use crate::sessions::Read;
use crate::snapshot;
use crate::sql::Sql;

/// Reads a page. A search with a single driving index is one exchange: the transaction, its settings, the
/// check of the key and the page.
pub(in crate::records) struct Search<'a> {
    pub(in crate::records) query: &'a Query,
    pub(in crate::records) key: Option<ApiKeyVersion>,
}

impl Read for Search<'_> {
    type Output = Found;

    fn prologue(&self) -> Vec<Sql> {
        let settings = if begins_with_walk(self.query) { WALK_SETTINGS } else { SEARCH_SETTINGS };
        prologue(settings).into_iter().chain(check(self.key)).collect()
    }

    async fn read(&self, db: Db<'_>) -> Result<Found, StoreError> {
        find(db, self.query).await
    }
}

/// Reads a single record, in one exchange with the check of the key.
pub(in crate::records) struct Get {
    pub(in crate::records) id: RecordId,
    pub(in crate::records) key: Option<ApiKeyVersion>,
}

impl Read for Get {
    type Output = Option<Record>;

    fn prologue(&self) -> Vec<Sql> {
        check(self.key).into_iter().collect()
    }

    async fn read(&self, db: Db<'_>) -> Result<Option<Record>, StoreError> {
        get::by_id(db, self.id).await
    }
}

/// Reads records by id.
pub(in crate::records) struct GetMany<'a>(pub(in crate::records) &'a [Uuid]);

impl Read for GetMany<'_> {
    type Output = HashMap<RecordId, Record>;

    fn prologue(&self) -> Vec<Sql> {
        Vec::new()
    }

    async fn read(&self, db: Db<'_>) -> Result<HashMap<RecordId, Record>, StoreError> {
        get::by_ids(db, self.0).await
    }
}

/// Summarizes the matches, from one snapshot.
pub(in crate::records) struct Summarize<'a> {
    pub(in crate::records) filters: &'a Filters,
    pub(in crate::records) options: SummaryOptions,
}

impl Read for Summarize<'_> {
    type Output = Summary;

    fn prologue(&self) -> Vec<Sql> {
        prologue(SEARCH_SETTINGS).to_vec()
    }

    async fn read(&self, db: Db<'_>) -> Result<Summary, StoreError> {
        summary(db, self.filters, self.options).await
    }
}

/// Counts the matches by time, from one snapshot.
pub(in crate::records) struct CountByTime<'a> {
    pub(in crate::records) filters: &'a Filters,
    pub(in crate::records) options: HistogramOptions,
}

impl Read for CountByTime<'_> {
    type Output = TimeHistogram;

    fn prologue(&self) -> Vec<Sql> {
        prologue(SEARCH_SETTINGS).to_vec()
    }

    async fn read(&self, db: Db<'_>) -> Result<TimeHistogram, StoreError> {
        histogram(db, self.filters, self.options).await
    }
}

/// Counts the values of fields, from one snapshot.
pub(in crate::records) struct CountValues<'a> {
    pub(in crate::records) filters: &'a Filters,
    pub(in crate::records) options: FacetsOptions<'a>,
}

impl Read for CountValues<'_> {
    type Output = Vec<FacetCounts>;

    fn prologue(&self) -> Vec<Sql> {
        prologue(SEARCH_SETTINGS).to_vec()
    }

    async fn read(&self, db: Db<'_>) -> Result<Vec<FacetCounts>, StoreError> {
        facets(db, self.filters, self.options).await
    }
}

/// Lists the values of a field.
pub(in crate::records) struct ListValues<'a>(pub(in crate::records) ValuesOptions<'a>);

impl Read for ListValues<'_> {
    type Output = FieldValues;

    fn prologue(&self) -> Vec<Sql> {
        prologue(SEARCH_SETTINGS).to_vec()
    }

    async fn read(&self, db: Db<'_>) -> Result<FieldValues, StoreError> {
        values(db, self.0).await
    }
}

/// Starts the transaction of a search.
fn prologue(settings: &'static str) -> [Sql; 3] {
    let [begin, lock] = snapshot::begin_sql();
    [begin, lock, Sql::new(settings)]
}

/// Reads the stored parts of records by id.
pub(in crate::records) struct GetStoredParts<'a>(pub(in crate::records) &'a [Uuid]);

impl Read for GetStoredParts<'_> {
    type Output = HashMap<RecordId, StoredParts>;

    fn prologue(&self) -> Vec<Sql> {
        Vec::new()
    }

    async fn read(&self, db: Db<'_>) -> Result<HashMap<RecordId, StoredParts>, StoreError> {
        get::stored_parts(db, self.0).await
    }
}

/// Reads the position after the last record of the sequence.
pub(in crate::records) struct Head;

impl Read for Head {
    type Output = FeedPosition;

    fn prologue(&self) -> Vec<Sql> {
        Vec::new()
    }

    async fn read(&self, db: Db<'_>) -> Result<FeedPosition, StoreError> {
        feed::head(db).await
    }
}

/// Checks a position of the sequence.
pub(in crate::records) struct Known(pub(in crate::records) FeedPosition);

impl Read for Known {
    type Output = FeedPosition;

    fn prologue(&self) -> Vec<Sql> {
        Vec::new()
    }

    async fn read(&self, db: Db<'_>) -> Result<FeedPosition, StoreError> {
        feed::known(db, self.0).await
    }
}

fn check(key: Option<ApiKeyVersion>) -> Option<Sql> {
    key.map(|key| verify_for_reading_sql(&[key]))
}
