//! Pages after and before a record, whose cursor only the service could sign.

use auditrail_core::{
    Count, Cursor, Filters, Found, Order, PageSize, Query, RecordTime, TimeRange, Total,
};

use super::Client;
use crate::error::ClientError;

impl Client {
    /// Returns the page after a record.
    pub(super) async fn after(&self, query: &Query, cursor: Cursor) -> Result<Found, ClientError> {
        let found = self.beyond(query, cursor, query.order).await?;
        // At least the record of the cursor.
        Ok(Found { has_previous: true, ..found })
    }

    /// Returns the page before a record: the page after it in the other order, reversed.
    pub(super) async fn before(&self, query: &Query, cursor: Cursor) -> Result<Found, ClientError> {
        let other = match query.order {
            Order::NewestFirst => Order::OldestFirst,
            Order::OldestFirst => Order::NewestFirst,
        };
        let mut found = self.beyond(query, cursor, other).await?;
        found.records.reverse();
        let has_previous = found.has_more;
        let has_more = !found.records.is_empty() || query.filters.has_text_terms();
        Ok(Found { has_previous, has_more, ..found })
    }

    /// Searches from the time of a record on and drops what is not after it in this order.
    async fn beyond(
        &self,
        query: &Query,
        cursor: Cursor,
        order: Order,
    ) -> Result<Found, ClientError> {
        let total = self.total(query).await?;
        let position = (cursor.created_at, cursor.id);
        let range = match order {
            Order::NewestFirst => created_until(&query.filters, cursor.created_at),
            Order::OldestFirst => created_since(&query.filters, cursor.created_at),
        };
        let Some(filters) = range else { return Ok(Found { total, ..Found::default() }) };
        let limit = usize::from(query.limit.get());
        let query = Query { filters, limit: query.limit, order, ..Query::default() };
        let mut records = Vec::new();
        let mut token = None;
        loop {
            let page = self.page(&query, token.as_deref()).await?;
            records.extend(page.data.into_iter().filter(|record| match order {
                Order::NewestFirst => (record.created_at, record.id) < position,
                Order::OldestFirst => (record.created_at, record.id) > position,
            }));
            token = page.pagination.next_cursor;
            // A page states only the time at which a search in text stopped, so records of that time may be repeated.
            let stopped_at = page.pagination.searched_back_to;
            if let Some(time) = stopped_at.filter(|_| records.len() <= limit) {
                let searched_back_to = Some(Cursor::before_all_at(time, order));
                let has_more = true;
                return Ok(Found {
                    records,
                    has_more,
                    total,
                    searched_back_to,
                    ..Found::default()
                });
            }
            if records.len() > limit || token.is_none() {
                break;
            }
        }
        let has_more = records.len() > limit;
        records.truncate(limit);
        Ok(Found { records, has_more, total, ..Found::default() })
    }

    /// The total number of matches, if the query requests it.
    async fn total(&self, query: &Query) -> Result<Option<Total>, ClientError> {
        if query.count == Count::None {
            return Ok(None);
        }
        let limit = PageSize::new(1).unwrap_or_default();
        let count =
            Query { filters: query.filters.clone(), limit, count: query.count, ..Query::default() };
        Ok(self.page(&count, None).await?.pagination.total())
    }
}

/// The filters with the time range ending at `last`, inclusive; `None` if that makes it empty.
fn created_until(filters: &Filters, last: RecordTime) -> Option<Filters> {
    // The latest representable time needs no end: no record is later.
    let after = RecordTime::from_unix_micros(last.unix_micros() + 1).ok();
    let end = match (filters.created_at.end(), after) {
        (Some(end), Some(after)) => Some(end.min(after)),
        (end, after) => end.or(after),
    };
    let created_at = TimeRange::new(filters.created_at.start(), end)?;
    Some(Filters { created_at, ..filters.clone() })
}

/// The filters with the time range starting at `first`; `None` if that makes it empty.
fn created_since(filters: &Filters, first: RecordTime) -> Option<Filters> {
    let start = filters.created_at.start().map_or(first, |start| start.max(first));
    let created_at = TimeRange::new(Some(start), filters.created_at.end())?;
    Some(Filters { created_at, ..filters.clone() })
}
