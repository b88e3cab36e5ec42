//! The steps of a search in text.
//!
//! The first step finds candidates by the other conditions, as any search does: that is all for words that many
//! records have, and for conditions that leave few. Later steps read [regions](super::text_blocks) by the index of
//! words, where that leaves much fewer candidates than the other conditions do.

use std::time::{Duration, Instant};

use auditrail_core::Cursor;

use super::conditions::Conditions;
use super::driving_index::{DrivingIndex, ScanBudget};
use super::page::{self, NO_SORT};
use super::scan::{Direction, Scan, ScanStart};
use super::text_blocks::{Blocks, Region};
use super::text_step::{Selected, StepEnd, TextStep};
use super::times::is_edge;
use crate::db::{Db, Rows};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::words::range::Place;

/// How much a search in text reads. Its results do not depend on the numbers of candidates, nor on the index.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct TextBudget {
    /// How long it judges records, apart from finding the first candidate of a step.
    pub(in crate::records) time: Duration,
    /// Candidates of the first step, and the most of a later one.
    pub(in crate::records) candidates: (u32, u32),
    /// How the candidates are found.
    pub(in crate::records) scan: ScanBudget,
    /// Whether the index of words is used.
    pub(in crate::records) has_index: bool,
}

/// How long a search in text may take: some 130,000 records of usual length without the index (docs/search.md).
pub(in crate::records) const TEXT_SEARCH_TIME: Duration = Duration::from_secs(2);

impl Default for TextBudget {
    fn default() -> Self {
        let (time, scan) = (TEXT_SEARCH_TIME, ScanBudget::default());
        Self { time, candidates: (2_000, 32_000), scan, has_index: true }
    }
}

/// Candidates for which no longer range of time is read: judging them takes a few milliseconds.
const ENOUGH: u64 = 500;

/// The steps of a search.
pub(in crate::records) struct TextSteps<'a> {
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
    index: Index,
    /// What is left of the region that is read by the index.
    region: Option<Region>,
    /// Of the last step without the index.
    pace: Option<Pace>,
    /// Where the search stopped, when the time was over.
    stopped_at: Option<Cursor>,
}

#[derive(Debug)]
enum Index {
    /// Not looked at yet.
    Closed,
    Unusable,
    Open(Blocks),
}

/// How many candidates there were in a range of time.
#[derive(Clone, Copy, Debug)]
struct Pace {
    candidates: u64,
    micros: u64,
}

impl<'a> TextSteps<'a> {
    pub(in crate::records) fn new(
        db: Db<'a>,
        conditions: &'a Conditions<'a>,
        selected: Selected,
        scan: Scan,
        budget: TextBudget,
    ) -> Self {
        Self {
            db,
            conditions,
            selected,
            // The number of matches to skip is no place to continue from.
            scan: Scan { skipped: 0, ..scan },
            budget,
            candidates: budget.candidates.0,
            matched: 0,
            deadline: Instant::now() + budget.time,
            is_started: false,
            is_ended: false,
            index: if budget.has_index { Index::Closed } else { Index::Unusable },
            region: None,
            pace: None,
            stopped_at: None,
        }
    }

    /// Where the search stopped, when the time was over: every record before is judged, and this one.
    pub(in crate::records) const fn stopped_at(&self) -> Option<Cursor> {
        self.stopped_at
    }

    /// Runs the next step of a search for `most` matches; `None` after the last.
    pub(in crate::records) async fn next(
        &mut self,
        most: u64,
    ) -> Result<Option<(TextStep, Rows)>, StoreError> {
        if self.is_ended || self.conditions.match_nothing() {
            return Ok(None);
        }
        if self.is_started {
            // The step before may have changed the settings of the planner.
            let set = self.db.fetch(&Sql::new(NO_SORT)).await;
            set.map_err(StoreError::while_trying_to("change the settings of a search"))?;
            self.choose_region().await?;
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
        let (rows, is_of_all_time) = match &self.region {
            Some(region) => {
                let direction = self.scan.direction;
                (page::candidates_in(db, conditions, &step, direction, &region.ranges).await?, true)
            }
            None => page::candidates(db, conditions, &step, self.scan, self.budget.scan).await?,
        };
        self.matched += step.matches(&rows)?.len() as u64;
        match step.end(&rows)? {
            // Enough matches, or as many as may be in memory.
            None => self.is_ended = true,
            Some(end) if self.region.is_some() => self.go_on_in_region(end),
            Some(end) => self.go_on(end.is_exhausted && is_of_all_time, end),
        }
        self.stop_in_time();
        Ok(Some((step, rows)))
    }

    /// Looks up the next region, if there is none in progress.
    async fn choose_region(&mut self) -> Result<(), StoreError> {
        let after = self.scan.start.map(|start| Place::from(start.cursor));
        let Some(after) = after.filter(|place| self.region.is_none() && !is_edge(place.at)) else {
            return Ok(());
        };
        if matches!(self.index, Index::Closed) {
            let blocks = Blocks::open(self.db.again(), self.conditions).await?;
            self.index = blocks.map_or(Index::Unusable, Index::Open);
        }
        if let Index::Open(blocks) = &mut self.index {
            let direction = self.scan.direction;
            let region = blocks.region(self.db.again(), self.conditions, direction, after).await?;
            self.region = region.filter(|region| self.is_worth_it(region, after));
        }
        Ok(())
    }

    /// Whether reading the region takes less time than judging all candidates that the other conditions leave in it.
    fn is_worth_it(&self, region: &Region, after: Place) -> bool {
        if DrivingIndex::only(self.conditions.filters()) == Some(DrivingIndex::Time) {
            return true;
        }
        let direction = self.scan.direction;
        let last = region.ranges.last().map(|range| match direction {
            Direction::Older => range.oldest,
            Direction::Newer => range.newest,
        });
        let Some(far) = region.end.or(last) else { return true };
        let Some(Pace { candidates, micros }) = self.pace else { return false };
        let span = u128::from(direction.micros_between(after.at, far.at).unsigned_abs());
        let expected = span * u128::from(candidates) / u128::from(micros.max(1));
        u128::from(region.cost) <= expected
    }

    /// After a step without the index.
    fn go_on(&mut self, is_exhausted: bool, end: StepEnd) {
        let Some(cursor) = end.last.filter(|_| !is_exhausted) else {
            self.is_ended = true;
            return;
        };
        self.pace = self.scan.start.map(|start| {
            let (from, to) = (start.cursor.created_at, cursor.created_at);
            let micros = self.scan.direction.micros_between(from, to).unsigned_abs();
            Pace { candidates: end.judged, micros }
        });
        self.start_after(cursor);
    }

    /// After a step that read a part of a region.
    fn go_on_in_region(&mut self, end: StepEnd) {
        let direction = self.scan.direction;
        let Some(region) = self.region.as_mut() else { return };
        match end.last.filter(|_| !end.is_exhausted) {
            Some(cursor) => {
                let last = Place::from(cursor);
                let (oldest, newest) = match direction {
                    Direction::Older => (None, Some(last.before())),
                    Direction::Newer => (Some(last.after()), None),
                };
                let left = region.ranges.iter().filter_map(|range| range.within(oldest, newest));
                region.ranges = left.collect();
                self.start_after(cursor);
            }
            None => match region.end {
                Some(place) => {
                    // The place itself is beyond the region.
                    let last = match direction {
                        Direction::Older => place.after(),
                        Direction::Newer => place.before(),
                    };
                    self.region = None;
                    self.start_after(last.into());
                }
                None => self.is_ended = true,
            },
        }
    }

    fn start_after(&mut self, cursor: Cursor) {
        self.scan.start = Some(ScanStart { cursor, includes: false });
        self.candidates = self.candidates.saturating_mul(2).min(self.budget.candidates.1);
    }

    fn stop_in_time(&mut self) {
        if !self.is_ended && Instant::now() >= self.deadline {
            self.is_ended = true;
            self.stopped_at = self.scan.start.map(|start| start.cursor);
        }
    }
}
