//! Ranges of records in the order `(created_at, id)`.

use auditrail_core::{Cursor, RecordId, RecordTime};
use uuid::Uuid;

/// Most records of a block.
pub(crate) const BLOCK_RECORDS: usize = 256;
/// Most parts of which a block of records with outlying times is made.
const PARTS_MAX: usize = 32;
/// The shortest gap at which a block is divided, in microseconds.
const GAP_MIN: i64 = 20_000_000;

/// The place of a record in the order `(created_at, id)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) at: RecordTime,
    pub(crate) id: Uuid,
}

impl Place {
    /// The next place in the order; the same one at the end of time.
    pub(crate) fn after(self) -> Self {
        match self.id.as_u128().checked_add(1) {
            Some(id) => Self { id: Uuid::from_u128(id), ..self },
            None => self.at_other_time(1, Uuid::nil()),
        }
    }

    /// The previous place in the order; the same one at the start of time.
    pub(crate) fn before(self) -> Self {
        match self.id.as_u128().checked_sub(1) {
            Some(id) => Self { id: Uuid::from_u128(id), ..self },
            None => self.at_other_time(-1, Uuid::max()),
        }
    }

    fn at_other_time(self, micros: i64, id: Uuid) -> Self {
        let micros = self.at.unix_micros().saturating_add(micros);
        RecordTime::from_unix_micros(micros).map_or(self, |at| Self { at, id })
    }
}

impl From<Cursor> for Place {
    fn from(cursor: Cursor) -> Self {
        Self { at: cursor.created_at, id: *cursor.id.as_uuid() }
    }
}

impl From<Place> for Cursor {
    fn from(place: Place) -> Self {
        Self { created_at: place.at, id: RecordId::from(place.id) }
    }
}

/// A range of records, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) oldest: Place,
    pub(crate) newest: Place,
}

impl Range {
    /// The range of records in their order; `None` without any.
    pub(crate) fn of(places: &[Place]) -> Option<Self> {
        Some(Self { oldest: *places.first()?, newest: *places.last()? })
    }

    /// The ranges without overlaps, in their order.
    pub(crate) fn merged(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable();
        let mut merged: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.oldest <= last.newest => {
                    last.newest = last.newest.max(range.newest);
                }
                _ => merged.push(range),
            }
        }
        merged
    }

    /// The part of the range within bounds, each included; `None` if there is none.
    pub(crate) fn within(self, oldest: Option<Place>, newest: Option<Place>) -> Option<Self> {
        let range = Self {
            oldest: oldest.map_or(self.oldest, |oldest| oldest.max(self.oldest)),
            newest: newest.map_or(self.newest, |newest| newest.min(self.newest)),
        };
        (range.oldest <= range.newest).then_some(range)
    }
}

/// Divides records, in their order, into blocks: every [`BLOCK_RECORDS`] records, and where a record is far from the
/// others in time. A single record with another time would otherwise make a block of a long range, which a search
/// would read for each of its words.
pub(crate) fn cut(places: &[Place]) -> impl Iterator<Item = &[Place]> {
    places.chunks(BLOCK_RECORDS).flat_map(cut_at_gaps)
}

fn cut_at_gaps(places: &[Place]) -> Vec<&[Place]> {
    let gap_min = typical_span(places).saturating_mul(2).max(GAP_MIN);
    let mut gaps: Vec<(i64, usize)> = places
        .windows(2)
        .enumerate()
        .map(|(at, pair)| (micros_between(pair[0], pair[1]), at + 1))
        .filter(|(gap, _)| *gap > gap_min)
        .collect();
    gaps.sort_unstable_by(|one, two| two.cmp(one));
    gaps.truncate(PARTS_MAX - 1);
    let mut ends: Vec<usize> = gaps.into_iter().map(|(_, at)| at).collect();
    ends.push(places.len());
    ends.sort_unstable();
    let mut start = 0;
    let parts = ends.into_iter().map(|end| {
        let part = &places[start..end];
        start = end;
        part
    });
    parts.collect()
}

/// The shortest time that has half of the records.
fn typical_span(places: &[Place]) -> i64 {
    let half = places.len() / 2;
    let spans = places.iter().zip(&places[half..]);
    spans.map(|(from, to)| micros_between(*from, *to)).min().unwrap_or(0)
}

fn micros_between(from: Place, to: Place) -> i64 {
    to.at.unix_micros().saturating_sub(from.at.unix_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seconds: i64, id: u128) -> Place {
        let at = RecordTime::from_unix_micros(seconds * 1_000_000).unwrap();
        Place { at, id: Uuid::from_u128(id) }
    }

    fn range(oldest: i64, newest: i64) -> Range {
        Range { oldest: place(oldest, 0), newest: place(newest, 0) }
    }

    fn lengths(places: &[Place]) -> Vec<usize> {
        cut(places).map(<[Place]>::len).collect()
    }

    #[test]
    fn places_have_neighbours() {
        assert_eq!(place(7, 3).after(), place(7, 4));
        assert_eq!(place(7, 3).before(), place(7, 2));
        let last = place(7, u128::MAX);
        assert!(last.after() > last && last.after().before() == last);
        let end = RecordTime::from_unix_micros(RecordTime::MAX_UNIX_MICROS).unwrap();
        let end = Place { at: end, id: Uuid::max() };
        assert_eq!(end.after(), end);
    }

    #[test]
    fn overlapping_ranges_are_merged() {
        let merged = Range::merged(vec![range(5, 9), range(1, 2), range(8, 12), range(20, 20)]);
        assert_eq!(merged, [range(1, 2), range(5, 12), range(20, 20)]);
        assert_eq!(range(5, 9).within(Some(place(6, 0)), None), Some(range(6, 9)));
        assert_eq!(range(5, 9).within(Some(place(2, 0)), Some(place(7, 0))), Some(range(5, 7)));
        assert_eq!(range(5, 9).within(Some(place(10, 0)), None), None);
    }

    #[test]
    fn blocks_are_divided_at_outlying_times() {
        let regular: Vec<_> = (0..600).map(|n| place(n * 5, 0)).collect();
        assert_eq!(lengths(&regular), [256, 256, 88]);
        let mut outliers: Vec<_> = (1_000_000..1_000_200).map(|n| place(n, 0)).collect();
        outliers.extend([place(0, 0), place(400_000, 0), place(9_000_000, 0)]);
        outliers.sort_unstable();
        assert_eq!(lengths(&outliers), [1, 1, 200, 1]);
        // All at one time, apart from many others.
        let mut spread: Vec<_> = (0..100).map(|n| place(n * 1_000, 0)).collect();
        spread.extend((0..156).map(|n| place(1_000_000, n)));
        spread.sort_unstable();
        assert_eq!(lengths(&spread).len(), PARTS_MAX);
        assert_eq!(lengths(&spread).iter().sum::<usize>(), 256);
        assert_eq!(lengths(&[]), [0_usize; 0]);
        assert_eq!(lengths(&[place(1, 1)]), [1]);
    }
}
