//! How fast what follows the sequence works beside busy writers.

use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::clock;

/// What one follower of the sequence may take of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Records a second, for each processor, up to which it keeps up with the writers.
    pub(super) rate: u64,
    /// How many times as long as a step the pause after it is, while more records arrive than that.
    pub(super) yields: u32,
    /// The longest pause.
    pub(super) pause_max: Duration,
}

/// Measures how fast records arrive between the steps of a follower.
#[derive(Debug)]
pub(super) struct Pace {
    share: Share,
    processors: u64,
    /// The records that waited at the last look, and when that was.
    before: u64,
    looked: Instant,
}

impl Pace {
    /// `waiting` records wait now.
    pub(super) fn new(share: Share, waiting: u64) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
        Self { share, processors, before: waiting, looked: clock::monotonic() }
    }

    /// The pause after a step for this number of records that took this time, after which that number waits.
    pub(super) fn pause(&mut self, step: (u64, Duration), waiting: u64) -> Duration {
        let arrived = (waiting + step.0).saturating_sub(self.before);
        let arrived = (arrived, self.looked.elapsed());
        (self.before, self.looked) = (waiting, clock::monotonic());
        pause(self.share, step, arrived, self.processors)
    }
}

/// The pause after a step for this number of records in this time, while that number arrived in that time, on a machine
/// with so many processors.
///
/// It is as long as the step. While records arrive faster than they are followed so, or faster than the rate of the share, it
/// is longer and leaves the processors and the disk to the writers: the follower catches up afterwards.
fn pause(
    share: Share,
    step: (u64, Duration),
    arrived: (u64, Duration),
    processors: u64,
) -> Duration {
    let (records, took) = (u128::from(step.0), step.1.as_micros());
    let (arrivals, since) = (u128::from(arrived.0), arrived.1.as_micros());
    // arrivals / since > records / (2 * took)
    let falls_behind = arrivals * 2 * took > records * since;
    let is_busy = arrivals * 1_000_000 > u128::from(share.rate * processors) * since;
    let pause = if falls_behind || is_busy { step.1 * share.yields } else { step.1 };
    pause.min(share.pause_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SHARE: Share = Share { rate: 2_000, yields: 30, pause_max: Duration::from_secs(10) };

    #[test]
    fn follower_that_keeps_up_works_half_of_the_time() {
        assert_eq!(pause(SHARE, (8_192, 200 * MS), (0, 400 * MS), 2), 200 * MS);
        assert_eq!(pause(SHARE, (8_192, 200 * MS), (8_192, 400 * MS), 64), 200 * MS);
        assert_eq!(pause(SHARE, (256, 10 * MS), (300, 1_000 * MS), 2), 10 * MS);
    }

    #[test]
    fn follower_yields_to_busy_writers() {
        let behind = pause(SHARE, (8_192, 200 * MS), (8_193, 400 * MS), 64);
        assert_eq!(behind, 200 * MS * SHARE.yields);
        let many = |arrived| pause(SHARE, (8_192, 200 * MS), (arrived, 1_000 * MS), 2);
        assert_eq!(many(2 * SHARE.rate), 200 * MS);
        assert_eq!(many(2 * SHARE.rate + 1), 200 * MS * SHARE.yields);
        assert_eq!(pause(SHARE, (8_192, 2_000 * MS), (90_000, 2_000 * MS), 2), SHARE.pause_max);
        assert_eq!(pause(SHARE, (8_192, 11_000 * MS), (0, 11_000 * MS), 2), SHARE.pause_max);
    }
}
