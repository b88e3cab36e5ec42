//! A search in text: reads candidates in the order of time, and says how far it came.
//!
//! The search judges the text of candidates in [steps](super::text_steps), until the page is full or the time is over.
//! What it then returns is complete up to where the last step ended.

use auditrail_core::{Cursor, Record, RecordTime, Total, TotalRelation};
use uuid::Uuid;

use super::conditions::Conditions;
use super::page::PAGE_MAX_BYTES;
use super::scan::Scan;
use super::text_step::Selected;
pub(in crate::records) use super::text_steps::TextBudget;
use super::text_steps::TextSteps;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::records::columns::{self, column_list, size_in_memory};

/// A record.
const RECORD: Selected = Selected { columns: column_list!(), count: 16, id: 0, created_at: 9 };

/// An id and its time.
pub(in crate::records) const ID: Selected =
    Selected { columns: "id, created_at", count: 2, id: 0, created_at: 1 };

/// The first matches of a scan, in its order.
#[derive(Debug, Default)]
pub(in crate::records) struct TextPage {
    pub(in crate::records) records: Vec<Record>,
    pub(in crate::records) has_more: bool,
    /// Where the time of a search in text was over before the page was full; the next page starts there.
    pub(in crate::records) searched_back_to: Option<Cursor>,
}

/// Finds one page, in the order of the scan.
pub(in crate::records) async fn page(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    budget: TextBudget,
) -> Result<TextPage, StoreError> {
    let wanted = usize::from(size);
    let mut left_to_skip = usize::try_from(scan.skipped).unwrap_or(usize::MAX);
    let mut page = TextPage::default();
    let mut bytes = 0;
    let most = scan.skipped.saturating_add(wanted as u64 + 1);
    let mut search = TextSteps::new(db, conditions, RECORD, scan, budget);
    while let Some((step, rows)) = search.next(most).await? {
        for row in step.matches(&rows)? {
            let record = columns::record(row)?;
            if left_to_skip > 0 {
                left_to_skip -= 1;
            } else if page.records.len() == wanted || bytes > PAGE_MAX_BYTES {
                page.has_more = true;
                return Ok(page);
            } else {
                bytes += size_in_memory(&record);
                page.records.push(record);
            }
        }
        if rows.is_truncated {
            page.has_more = true;
            return Ok(page);
        }
    }
    page.searched_back_to = search.stopped_at();
    page.has_more = page.searched_back_to.is_some();
    Ok(page)
}

/// The ids of the newest matches, at most `most`.
pub(in crate::records) async fn newest_ids(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    most: u32,
    budget: TextBudget,
) -> Result<NewestIds, StoreError> {
    let mut search = TextSteps::new(db, conditions, ID, Scan::newest_first(), budget);
    let mut ids = Vec::new();
    let mut last = None;
    while let Some((step, rows)) = search.next(u64::from(most)).await? {
        for row in step.matches(&rows)? {
            let (id, time) = id_and_time(row)?;
            ids.push(id);
            last = Some(time);
        }
        if ids.len() >= most as usize || rows.is_truncated {
            return Ok(NewestIds { ids, since: last });
        }
    }
    Ok(NewestIds { ids, since: search.stopped_at().map(|cursor| cursor.created_at) })
}

/// The newest matches of a search in text.
#[derive(Debug)]
pub(in crate::records) struct NewestIds {
    pub(in crate::records) ids: Vec<Uuid>,
    /// The time back to which they are complete; `None` when they are all.
    pub(in crate::records) since: Option<RecordTime>,
}

/// The number of matches, up to a bound or as many as the time allows.
pub(in crate::records) async fn count(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    most: u32,
    budget: TextBudget,
) -> Result<Total, StoreError> {
    let found = newest_ids(db, conditions, most, budget).await?;
    let relation =
        if found.since.is_none() { TotalRelation::Exact } else { TotalRelation::AtLeast };
    Ok(Total { count: found.ids.len() as u64, relation })
}

fn id_and_time(row: &Row) -> Result<(Uuid, RecordTime), StoreError> {
    let read = || Ok((row.get(ID.id)?, row.get::<crate::value::PgTime>(ID.created_at)?.0));
    read().map_err(StoreError::while_trying_to("read a row"))
}
