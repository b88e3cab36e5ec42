//! The times of acts: the month as a sequence of five-minute slots of unequal weight.

use super::DAYS;
use super::actors::{Actor, HALF_HOURS};
use super::random::Random;

/// Microseconds in a slot of five minutes.
const SLOT: u64 = 300 * 1_000_000;

/// Slots in a day, and in the month.
const SLOTS_A_DAY: u64 = 288;
const SLOTS: u64 = SLOTS_A_DAY * DAYS as u64;

/// The weights of the month.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// For each half hour of the week, running totals of the activity of each actor.
    habits: Vec<Vec<u64>>,
    /// Running totals of the weight of slots.
    ends: Vec<u64>,
    /// In a burst, the index of its actor.
    drivers: Vec<Option<usize>>,
    /// The day of the week the month starts on, 0 for Monday.
    first_weekday: u64,
}

/// A time in microseconds since the start of the month, and its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) micros: u64,
    pub(crate) slot: usize,
}

impl Schedule {
    pub(crate) fn new(random: &mut Random, actors: &[Actor], first_weekday: u64) -> Self {
        let habits = (0..HALF_HOURS).map(|half_hour| habits(actors, half_hour)).collect();
        let mut schedule = Self { habits, ends: Vec::new(), drivers: Vec::new(), first_weekday };
        let mut end = 0;
        for slot in 0..SLOTS {
            let (per_mille, driven) = burst(random);
            let habits = &schedule.habits[schedule.half_hour(slot)];
            // At least one, so that times ascend in quiet nights too.
            end += (habits.last().copied().unwrap_or(0) * per_mille / 1000).max(1);
            let driver = driven.then(|| random.weighted(habits));
            schedule.ends.push(end);
            schedule.drivers.push(driver);
        }
        schedule
    }

    /// The start of the `nth` of `all` acts; starts ascend with `nth`.
    pub(crate) fn moment(&self, nth: u64, all: u64, jitter: u64) -> Moment {
        let total = u128::from(self.ends.last().copied().unwrap_or(1));
        // In thousandths of a step, because a step may be less than one unit of weight.
        let place =
            (u128::from(nth) * 1000 + u128::from(jitter.min(999))) * total * u128::from(SLOT)
                / (u128::from(all.max(1)) * 1000);
        let unit = u64::try_from(place / u128::from(SLOT)).unwrap_or(u64::MAX);
        let slot = self.ends.partition_point(|end| *end <= unit).min(self.ends.len() - 1);
        let from = if slot == 0 { 0 } else { self.ends[slot - 1] };
        let weight = u128::from(self.ends[slot] - from);
        let within = (place - u128::from(from) * u128::from(SLOT)) / weight;
        let within = u64::try_from(within).unwrap_or(0).min(SLOT - 1);
        Moment { micros: slot as u64 * SLOT + within, slot }
    }

    /// Who acts then: mostly the driver of a burst, else anybody by habit.
    pub(crate) fn actor(&self, random: &mut Random, slot: usize) -> usize {
        match self.drivers[slot] {
            Some(driver) if random.chance(600) => driver,
            _ => random.weighted(&self.habits[self.half_hour(slot as u64)]),
        }
    }

    fn half_hour(&self, slot: u64) -> usize {
        let slot_of_week = (slot + self.first_weekday * SLOTS_A_DAY) % (7 * SLOTS_A_DAY);
        usize::try_from(slot_of_week / 6).unwrap_or(0)
    }
}

fn habits(actors: &[Actor], half_hour: usize) -> Vec<u64> {
    let mut total = 0;
    let running = actors.iter().map(|actor| {
        total += actor.activity(half_hour);
        total
    });
    running.collect()
}

/// How much busier than usual a slot is, in thousandths, and whether one actor is behind it.
fn burst(random: &mut Random) -> (u64, bool) {
    match random.below(100) {
        0 => (random.between(12_000, 25_000), true),
        1..5 => (random.between(4_000, 9_000), true),
        5..30 => (random.between(1_200, 2_500), false),
        _ => (random.between(300, 1_200), false),
    }
}
