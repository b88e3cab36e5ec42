//! Counting lost and doubled records by request id.

use std::collections::HashMap;

/// The outcome of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Distinct acknowledged ids.
    pub(super) acknowledged: usize,
    /// Those of them without a row.
    pub(super) lost: usize,
    /// Rows beyond the first for each id.
    pub(super) doubled: usize,
}

impl Tally {
    /// Both arguments have one id a line. A row without an acknowledgement is neither lost nor doubled.
    pub(super) fn of(acknowledged: &str, stored: &str) -> Self {
        let mut rows: HashMap<&str, usize> = HashMap::new();
        for id in stored.lines() {
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

/// Pseudo-random numbers from a seed (`SplitMix64`).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// In `from..to`, which must not be empty.
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
    fn acknowledged_without_row_is_lost() {
        let tally = Tally::of("a\nb\nc\n", "a\nc\nd\n");
        assert_eq!(tally, Tally { acknowledged: 3, lost: 1, doubled: 0 });
    }

    #[test]
    fn each_row_beyond_the_first_is_doubled() {
        let tally = Tally::of("a\n", "a\na\na\nb\nb\n");
        assert_eq!(tally, Tally { acknowledged: 1, lost: 0, doubled: 3 });
    }

    #[test]
    fn id_acknowledged_twice_is_one_record() {
        let tally = Tally::of("a\na\n", "");
        assert_eq!(tally, Tally { acknowledged: 1, lost: 1, doubled: 0 });
    }

    #[test]
    fn empty_input_has_no_losses() {
        assert_eq!(Tally::of("", ""), Tally::default());
    }

    #[test]
    fn same_seed_gives_same_moments() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [(); 50].map(|()| random.between(900, 2_400))
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert!(numbers(7).iter().all(|moment| (900..2_400).contains(moment)));
    }
}
