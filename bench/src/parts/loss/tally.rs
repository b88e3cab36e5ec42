//! Counting what became of records, by the ids that the client gave them.

use std::collections::HashMap;

/// What became of the records of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Different ids that were acknowledged.
    pub(super) acknowledged: usize,
    /// Of those, the ones that are not there.
    pub(super) lost: usize,
    /// Rows there are beyond one for each id.
    pub(super) doubled: usize,
}

impl Tally {
    /// Both have one id on each line. What is there and was not acknowledged is neither lost nor
    /// doubled: nobody was told of it.
    pub(super) fn of(acknowledged: &str, there: &str) -> Self {
        let mut rows: HashMap<&str, usize> = HashMap::new();
        for id in there.lines() {
            *rows.entry(id).or_default() += 1;
        }
        let mut ids: Vec<&str> = acknowledged.lines().collect();
        ids.sort_unstable();
        ids.dedup();
        Self {
            acknowledged: ids.len(),
            lost: ids.iter().filter(|id| !rows.contains_key(*id)).count(),
            doubled: rows.values().map(|times| times - 1).sum(),
        }
    }
}

/// Numbers that look like chance and are the same for the same seed (`SplitMix64`).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From `from` up to and without `to`, which is higher.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        from + (mixed ^ (mixed >> 31)) % (to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_and_is_not_there_is_lost() {
        let tally = Tally::of("a\nb\nc\n", "a\nc\nd\n");
        assert_eq!(tally, Tally { acknowledged: 3, lost: 1, doubled: 0 });
    }

    #[test]
    fn each_row_beyond_the_first_is_doubled_whether_acknowledged_or_not() {
        let tally = Tally::of("a\n", "a\na\na\nb\nb\n");
        assert_eq!(tally, Tally { acknowledged: 1, lost: 0, doubled: 3 });
    }

    #[test]
    fn an_id_that_was_acknowledged_twice_is_one_record() {
        let tally = Tally::of("a\na\n", "");
        assert_eq!(tally, Tally { acknowledged: 1, lost: 1, doubled: 0 });
    }

    #[test]
    fn nothing_sent_is_nothing_lost() {
        assert_eq!(Tally::of("", ""), Tally::default());
    }

    #[test]
    fn the_same_seed_gives_the_same_moments() {
        let roll = |seed| {
            let mut dice = Dice::new(seed);
            [(); 50].map(|()| dice.between(900, 2_400))
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
        assert!(roll(7).iter().all(|moment| (900..2_400).contains(moment)));
    }
}
