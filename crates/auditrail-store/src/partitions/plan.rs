//! Which partitions are merged next.

use jiff::tz::TimeZone;

use super::bound::Bound;
use super::catalog::{Kind, Partition};
use super::limits::Limits;

/// The adjacent closed partitions to merge next; empty if none are due.
///
/// 1. In a month that is over: as many as fit into one partition, from the first on, so that the month has
///    one partition if its records fit.
/// 2. In the present month: as many of about the same size as [`Limits::fan_in`].
/// 3. While more than [`Limits::attached`] are attached: the adjacent ones with the fewest records.
pub(super) fn next_merge(partitions: &[Partition], now: Bound, limits: &Limits) -> Vec<Partition> {
    let closed: Vec<&Partition> =
        partitions.iter().filter(|partition| partition.kind == Kind::Closed).collect();
    let run = over(&closed, now, limits)
        .or_else(|| same_size(&closed, limits))
        .or_else(|| fewest_rows(&closed, limits))
        .unwrap_or_default();
    run.iter().map(|partition| (**partition).clone()).collect()
}

type Run<'a, 'p> = Option<&'a [&'p Partition]>;

fn over<'a, 'p>(closed: &'a [&'p Partition], now: Bound, limits: &Limits) -> Run<'a, 'p> {
    months(closed)
        .filter(|run| month(run[0]) < month_of(now))
        .find_map(|run| longest(run, limits.merged_rows))
}

/// From the first partition on that fits together with its successor, as many as fit.
fn longest<'a, 'p>(run: &'a [&'p Partition], rows_max: i64) -> Run<'a, 'p> {
    (0..run.len()).find_map(|start| {
        let mut rows = 0;
        let fitting = run[start..].iter().take_while(|partition| {
            rows += partition.rows;
            rows <= rows_max
        });
        let count = fitting.count();
        (count >= 2).then(|| &run[start..start + count])
    })
}

fn same_size<'a, 'p>(closed: &'a [&'p Partition], limits: &Limits) -> Run<'a, 'p> {
    months(closed).find_map(|run| {
        run.windows(limits.fan_in).find(|window| {
            let tier = tier(window[0], limits);
            window.iter().all(|partition| self::tier(partition, limits) == tier)
                && sum(window) <= limits.merged_rows
        })
    })
}

/// 0 for a partition of the size of a hot one, 1 for one of `fan_in` of these, and so on.
fn tier(partition: &Partition, limits: &Limits) -> u32 {
    let fan_in = i64::try_from(limits.fan_in).unwrap_or(i64::MAX).max(2);
    let mut tier = 0;
    // The middle between two tiers, as a ratio.
    let mut limit = limits.hot_rows.saturating_mul(3);
    while partition.rows > limit {
        tier += 1;
        limit = limit.saturating_mul(fan_in);
    }
    tier
}

/// Of all runs of `fan_in` or fewer partitions that bring the number down and fit, the one with the fewest
/// records.
fn fewest_rows<'a, 'p>(closed: &'a [&'p Partition], limits: &Limits) -> Run<'a, 'p> {
    let excess = closed.len().checked_sub(limits.attached).filter(|excess| *excess > 0)?;
    let length = (excess + 1).clamp(2, limits.fan_in.max(2));
    (2..=length).rev().find_map(|length| {
        adjacent(closed)
            .flat_map(|run| run.windows(length))
            .filter(|window| sum(window) <= limits.merged_rows)
            .min_by_key(|window| sum(window))
    })
}

fn sum(run: &[&Partition]) -> i64 {
    run.iter().map(|partition| partition.rows).sum()
}

/// Runs of partitions without a gap between their ranges.
fn adjacent<'a, 'p>(closed: &'a [&'p Partition]) -> impl Iterator<Item = &'a [&'p Partition]> {
    closed.chunk_by(|a, b| a.upper == b.lower)
}

/// Runs of adjacent partitions whose lower bounds are in the same month.
fn months<'a, 'p>(closed: &'a [&'p Partition]) -> impl Iterator<Item = &'a [&'p Partition]> {
    closed.chunk_by(|a, b| a.upper == b.lower && month(a) == month(b))
}

/// Year and month of the lower bound, in UTC.
fn month(partition: &Partition) -> Option<(i16, i8)> {
    partition.lower.and_then(month_of)
}

fn month_of(bound: Bound) -> Option<(i16, i8)> {
    let date = bound.time()?.to_zoned(TimeZone::UTC);
    Some((date.year(), date.month()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-01T00:00Z, and a day, in milliseconds.
    const OCTOBER: u64 = 1_790_812_800_000;
    const DAY: u64 = 86_400_000;

    /// Adjacent partitions of one day each, from a day of October on.
    fn days(first: u64, rows: &[i64]) -> Vec<Partition> {
        let day = |day| Some(Bound::from_unix_ms(OCTOBER + day * DAY));
        (first..)
            .zip(rows)
            .map(|(number, rows)| Partition {
                name: format!("d{number}"),
                kind: Kind::Closed,
                lower: day(number),
                upper: day(number + 1),
                rows: *rows,
                bytes: 0,
            })
            .collect()
    }

    fn next(partitions: &[Partition], today: u64) -> Vec<String> {
        let limits = Limits { hot_rows: 100, fan_in: 3, merged_rows: 1_000, attached: 6 };
        let now = Bound::from_unix_ms(OCTOBER + today * DAY);
        next_merge(partitions, now, &limits).into_iter().map(|p| p.name).collect()
    }

    #[test]
    fn partitions_of_one_size_are_merged_within_the_month() {
        assert_eq!(next(&days(0, &[100, 100]), 10), [""; 0]);
        assert_eq!(next(&days(0, &[100, 100, 100]), 10), ["d0", "d1", "d2"]);
        assert_eq!(next(&days(0, &[310, 100, 100]), 10), [""; 0]);
        assert_eq!(next(&days(0, &[310, 310, 310]), 10), ["d0", "d1", "d2"]);
        assert_eq!(next(&days(0, &[900, 900, 900]), 10), [""; 0]);
        // 31 October and 1 November.
        assert_eq!(next(&days(30, &[100, 100, 100]), 30), [""; 0]);
    }

    #[test]
    fn month_that_is_over_gets_as_few_partitions_as_possible() {
        assert_eq!(next(&days(0, &[310, 100, 1]), 40), ["d0", "d1", "d2"]);
        assert_eq!(next(&days(0, &[900, 900, 1]), 40), ["d1", "d2"]);
        assert_eq!(next(&days(0, &[900, 900]), 40), [""; 0]);
        assert_eq!(next(&days(0, &[5]), 40), [""; 0]);
    }

    #[test]
    fn gap_is_no_neighbourhood() {
        let mut partitions = days(0, &[100, 100, 100, 100]);
        partitions.remove(1);
        assert_eq!(next(&partitions, 10), [""; 0]);
        assert_eq!(next(&partitions, 40), ["d2", "d3"]);
    }

    #[test]
    fn too_many_partitions_are_merged_across_months() {
        let rows = [900, 310, 310, 900, 900, 310, 20, 900];
        assert_eq!(next(&days(27, &rows[..6]), 28), [""; 0]);
        // One too many: a pair. Two too many: three, or a pair if no three fit.
        assert_eq!(next(&days(27, &rows[..7]), 28), ["d32", "d33"]);
        assert_eq!(next(&days(27, &rows), 28), ["d32", "d33"]);
    }
}
