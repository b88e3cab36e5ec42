//! A search in text: reads candidates in the order of time, and says how far it came.
//!
//! No index has the words of a record. So the search finds candidates by the other conditions, as any search
//! does, and judges the text of each, in steps, until the page is full or the time is over. What it then returns
//! is complete up to its last candidate.

use std::time::{Duration, Instant};

use auditrail_core::{Cursor, Record, RecordTime, Total, TotalRelation};
use uuid::Uuid;

use super::conditions::Conditions;
use super::driving_index::ScanBudget;
use super::page::{self, NO_SORT, PAGE_MAX_BYTES};
use super::scan::{Scan, ScanStart};
use super::text_step::{Selected, TextStep};
use crate::db::{Db, Row, Rows};
use crate::error::StoreError;
use crate::records::columns::{self, column_list, size_in_memory};
use crate::sql::Sql;

/// How much a search in text reads. Its results do not depend on the numbers of candidates.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct TextBudget {
    /// How long it judges records, apart from finding the first candidate of a step.
    pub(in crate::records) time: Duration,
    /// Candidates of the first step, and the most of a later one.
    pub(in crate::records) candidates: (u32, u32),
    /// How the candidates are found.
    pub(in crate::records) scan: ScanBudget,
}

/// How long a search in text may take: some 500,000 records of 200 characters (docs/search.md).
pub(in crate::records) const TEXT_SEARCH_TIME: Duration = Duration::from_secs(2);

impl Default for TextBudget {
    fn default() -> Self {
        let scan = ScanBudget::default();
        Self { time: TEXT_SEARCH_TIME, candidates: (2_000, 32_000), scan }
    }
}

/// Candidates for which no longer range of time is read: judging them takes a few milliseconds.
const ENOUGH: u64 = 500;

/// A record.
const RECORD: Selected = Selected { columns: column_list!(), count: 16, id: 0, created_at: 9 };

/// An id and its time.
const ID: Selected = Selected { columns: "id, created_at", count: 2, id: 0, created_at: 1 };

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
    let mut search = Search::new(db, conditions, RECORD, scan, budget);
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
    page.searched_back_to = search.stopped_at;
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
    let mut search = Search::new(db, conditions, ID, Scan::newest_first(), budget);
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
    Ok(NewestIds { ids, since: search.stopped_at.map(|cursor| cursor.created_at) })
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

/// The steps of a search.
struct Search<'a> {
    db: Db<'a>,
    conditions: &'a Conditions<'a>,
    selected: Selected,
    scan: Scan,
    budget: TextBudget,
    candidates: u32,
    matched: u64,
    deadline: Instant,
    is_started: bool,
    is_ended: bool,
    /// The last judged candidate, when the time was over.
    stopped_at: Option<Cursor>,
}

impl<'a> Search<'a> {
    fn new(
        db: Db<'a>,
        conditions: &'a Conditions<'a>,
        selected: Selected,
        scan: Scan,
        budget: TextBudget,
    ) -> Self {
        // The number of matches to skip is no place to continue from.
        let scan = Scan { skipped: 0, ..scan };
        let deadline = Instant::now() + budget.time;
        let candidates = budget.candidates.0;
        let (matched, is_started, is_ended, stopped_at) = (0, false, false, None);
        Self {
            db,
            conditions,
            selected,
            scan,
            budget,
            candidates,
            matched,
            deadline,
            is_started,
            is_ended,
            stopped_at,
        }
    }

    /// Runs the next step of a search for `most` matches; `None` after the last.
    async fn next(&mut self, most: u64) -> Result<Option<(TextStep, Rows)>, StoreError> {
        if self.is_ended || self.conditions.match_nothing() {
            return Ok(None);
        }
        if self.is_started {
            // The step before may have changed the settings of the planner.
            let set = self.db.fetch(&Sql::new(NO_SORT)).await;
            set.map_err(StoreError::while_trying_to("change the settings of a search"))?;
        }
        self.is_started = true;
        let step = TextStep {
            selected: self.selected,
            direction: self.scan.direction,
            candidates: self.candidates,
            enough: ENOUGH.min(u64::from(self.candidates)),
            matches: most.saturating_sub(self.matched),
            deadline: self.deadline,
        };
        let (db, conditions) = (self.db.again(), self.conditions);
        let (rows, is_of_all_time) =
            page::candidates(db, conditions, &step, self.scan, self.budget.scan).await?;
        self.matched += step.matches(&rows)?.len() as u64;
        match step.end(&rows)? {
            // Enough matches, or as many as may be in memory.
            None => self.is_ended = true,
            Some(end) => self.go_on(end.is_exhausted && is_of_all_time, end.last),
        }
        Ok(Some((step, rows)))
    }

    fn go_on(&mut self, is_exhausted: bool, last: Option<Cursor>) {
        match last {
            Some(cursor) if !is_exhausted => {
                self.scan.start = Some(ScanStart { cursor, includes: false });
            }
            _ => {
                self.is_ended = true;
                return;
            }
        }
        self.candidates = self.candidates.saturating_mul(2).min(self.budget.candidates.1);
        if Instant::now() >= self.deadline {
            self.is_ended = true;
            self.stopped_at = last;
        }
    }
}
