//! A filter of words: says for sure that a word is absent, and with a small probability wrongly that one is there.
//!
//! A Bloom filter with [`PROBES`] probes and [`BITS_PER_WORD`] bits for each distinct word: about 1 of 1,700 words that
//! are absent is found wrongly. The place of a probe depends on the salt of the filter, and each filter has its own.
//! Without it the same absent words would be found wrongly in all blocks of the same vocabulary.
//!
//! The number of a word and the places are part of the stored index: a change needs a new [`VERSION`].
//! [`push_test`] tests filters in the database.

use crate::sql::Sql;

/// The rule of words and places, `audit_log_text_index.version`.
pub(crate) const VERSION: i32 = 1;
/// Probes for each word.
const PROBES: usize = 8;
/// Bits for each distinct word.
const BITS_PER_WORD: usize = 16;
/// Fewest and most bytes of a filter. The table has the same limits.
const BYTES: (usize, usize) = (8, 7_808);
/// Most distinct words of a filter; with more of them the filter has fewer bits for each.
pub(crate) const WORDS_MAX: usize = BYTES.1 * 8 / BITS_PER_WORD;
/// A salt and the hash of a probe have so many bits, so that their product is a `bigint`.
const HASH_BITS: u32 = 31;
/// The lowest bits of the product depend on few bits of the factors.
const DROPPED_BITS: u32 = 16;

/// The hashes of the probes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WordHash(u64);

impl WordHash {
    /// The hash of a word in lower case: FNV-1a, of which each probe takes another finalization.
    pub(crate) fn of(word: &str) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        Self(word.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)))
    }

    /// The hash of each probe, of [`HASH_BITS`] bits.
    fn probes(self) -> impl Iterator<Item = i64> {
        (1..=PROBES as u64).map(move |probe| {
            // The finalizer of SplitMix64.
            let mut hash = self.0.wrapping_add(probe.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((hash ^ (hash >> 31)) >> (u64::BITS - HASH_BITS)).cast_signed()
        })
    }
}

/// The filter of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WordFilter {
    salt: i64,
    bytes: Vec<u8>,
}

impl WordFilter {
    /// A filter of these distinct words. `random` gives the salt.
    pub(crate) fn new(words: impl ExactSizeIterator<Item = WordHash>, random: u64) -> Self {
        // Odd, and never 0.
        let salt = (random >> (u64::BITS - HASH_BITS) | 1).cast_signed();
        let bytes = (words.len() * BITS_PER_WORD).div_ceil(8).clamp(BYTES.0, BYTES.1);
        let mut filter = Self { salt, bytes: vec![0; bytes] };
        for word in words {
            for probe in word.probes() {
                let place = filter.place(probe);
                filter.bytes[place / 8] |= 1 << (place % 8);
            }
        }
        filter
    }

    /// A filter that finds every word.
    pub(crate) fn of_every_word() -> Self {
        Self { salt: 1, bytes: vec![u8::MAX; BYTES.0] }
    }

    pub(crate) const fn salt(&self) -> i64 {
        self.salt
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of bits.
    pub(crate) fn bits(&self) -> i64 {
        i64::try_from(self.bytes.len() * 8).unwrap_or(i64::MAX)
    }

    fn place(&self, probe: i64) -> usize {
        usize::try_from(((probe * self.salt) >> DROPPED_BITS) % self.bits()).unwrap_or(0)
    }
}

/// Adds the condition that a block may have a word, of the columns `salt`, `bits` and `filter`.
pub(crate) fn push_test(sql: &mut Sql, word: WordHash) {
    sql.push("(true");
    for probe in word.probes() {
        sql.push(" and get_bit(filter, ((salt * ").push_bind(probe);
        sql.push(" >> 16) % bits)::integer) = 1");
    }
    sql.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u32) -> WordHash {
        WordHash::of(&format!("word{number}"))
    }

    fn has(filter: &WordFilter, word: WordHash) -> bool {
        word.probes()
            .map(|probe| filter.place(probe))
            .all(|at| filter.bytes[at / 8] >> (at % 8) & 1 == 1)
    }

    fn filter(random: u64) -> WordFilter {
        WordFilter::new((0..1_000).map(hash).collect::<Vec<_>>().into_iter(), random)
    }

    #[test]
    fn every_word_is_found() {
        for random in [0, 7, u64::MAX] {
            let filter = filter(random);
            assert!((0..1_000).all(|number| has(&filter, hash(number))));
            assert_eq!(filter.bits(), 16_000);
        }
    }

    #[test]
    fn absent_words_are_rarely_found_and_in_other_filters_for_each_salt() {
        let filters: Vec<_> =
            (0..50_u64).map(|n| filter(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let mut found = 0;
        let mut most = 0;
        for word in (1_000..11_000).map(hash) {
            let times = filters.iter().filter(|filter| has(filter, word)).count();
            found += times;
            most = most.max(times);
        }
        // Expected are (1 - exp(-1/2))^8 = 0.057 % of 500,000; a word in several filters by chance alone.
        assert!((200..400).contains(&found), "{found}");
        assert!(most <= 3, "{most}");
    }

    #[test]
    fn places_are_part_of_the_stored_index() {
        let filter = WordFilter::new([WordHash::of("prod")].into_iter(), 1 << 40);
        assert_eq!((filter.salt(), filter.bytes().len()), (129, 8));
        let places: Vec<_> =
            WordHash::of("prod").probes().map(|probe| filter.place(probe)).collect();
        assert_eq!(places, [27, 6, 32, 1, 52, 1, 60, 27]);
    }

    #[test]
    fn filters_have_bounds() {
        assert_eq!(WordFilter::new([].into_iter(), 1).bytes().len(), 8);
        let many: Vec<_> = (0..20_000).map(hash).collect();
        assert_eq!(WordFilter::new(many.into_iter(), 1).bytes().len(), 7_808);
        assert_eq!(WORDS_MAX, 3_904);
    }
}
