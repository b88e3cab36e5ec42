//! The iterator over records: acts start in order, and their records are merged by time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::actions::{Act, Targets};
use super::actors::{Actor, all_actors};
use super::random::Random;
use super::schedule::{Moment, Schedule};
use super::{Sample, SampleRecord};

/// Random streams, one for each purpose.
const PACE: u64 = 1;
const ACTS: u64 = 2;
const IDS: u64 = 3;

/// Microseconds since the start of the month, then the order of generation.
type Place = (u64, u64);

/// The records of a [`Sample`], oldest first.
#[derive(Debug)]
pub struct Records {
    start: Timestamp,
    last_micros: u64,
    schedule: Schedule,
    actors: Vec<Actor>,
    targets: Targets,
    acts: Random,
    ids: Random,
    /// Records without the incident: generated so far, and in total.
    made: u64,
    background: u64,
    /// The start of the next act; none after the last.
    next: Option<Moment>,
    /// Records of acts that have started; few, because an act takes a minute or two.
    pending: BTreeMap<Place, SampleRecord>,
    order: u64,
    left: u64,
}

impl Records {
    pub(crate) fn new(sample: &Sample) -> Self {
        let actors = all_actors();
        let weekday = sample.start().to_zoned(jiff::tz::TimeZone::UTC).weekday();
        let first_weekday = u64::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
        let incident = sample.incident();
        let incident = incident.map_or(Vec::new(), |incident| incident.records(sample));
        let mut records = Self {
            start: sample.start(),
            last_micros: u64::from(super::DAYS) * 24 * 3600 * 1_000_000 - 1,
            schedule: Schedule::new(&mut Random::new(sample.seed(), PACE), &actors, first_weekday),
            actors,
            targets: Targets::new(),
            acts: Random::new(sample.seed(), ACTS),
            ids: Random::new(sample.seed(), IDS),
            made: 0,
            background: sample.records() - incident.len() as u64,
            next: None,
            pending: BTreeMap::new(),
            order: 0,
            left: sample.records(),
        };
        for (micros, record) in incident {
            records.put(micros, record);
        }
        records.plan();
        records
    }

    /// Chooses the start of the next act.
    fn plan(&mut self) {
        let jitter = self.acts.below(1000);
        let more = self.made < self.background;
        self.next = more.then(|| self.schedule.moment(self.made, self.background, jitter));
    }

    /// Generates the act that starts at `moment`.
    fn play(&mut self, moment: Moment) {
        let actor = &self.actors[self.schedule.actor(&mut self.acts, moment.slot)];
        let act = Act::play(&mut self.acts, &mut self.targets, actor, moment.micros);
        let room = usize::try_from(self.background - self.made).unwrap_or(usize::MAX);
        for (micros, record) in act.into_records().into_iter().take(room) {
            self.put(micros, record);
            self.made += 1;
        }
    }

    fn put(&mut self, micros: u64, record: SampleRecord) {
        self.pending.insert((micros.min(self.last_micros), self.order), record);
        self.order += 1;
    }

    fn finish(&mut self, micros: u64, mut record: SampleRecord) -> SampleRecord {
        let since = SignedDuration::from_micros(i64::try_from(micros).unwrap_or(0));
        record.created_at = self.start + since;
        let millis = u64::try_from(record.created_at.as_millisecond()).unwrap_or(0);
        let builder = uuid::Builder::from_unix_timestamp_millis(millis, &self.ids.bytes());
        record.id = builder.into_uuid();
        record
    }
}

impl Iterator for Records {
    type Item = SampleRecord;

    fn next(&mut self) -> Option<SampleRecord> {
        loop {
            let first = self.pending.first_key_value().map(|((micros, _), _)| *micros);
            match (first, self.next) {
                (first, Some(moment)) if first.is_none_or(|first| first > moment.micros) => {
                    self.play(moment);
                    self.plan();
                }
                _ => break,
            }
        }
        let ((micros, _), record) = self.pending.pop_first()?;
        self.left -= 1;
        Some(self.finish(micros, record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, usize::try_from(self.left).ok())
    }
}
