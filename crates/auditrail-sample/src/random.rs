//! Pseudo-random numbers, on integers only.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// Random numbers that depend only on a seed and a stream.
///
/// Streams are independent: drawing one more id does not change the next actor.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        let mut word = seed;
        for place in key.chunks_exact_mut(8) {
            word = mix(word);
            place.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number in `0..n`; 0 if `n` is 0. The bias is below n / 2^64.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// An index of a list of `len` items.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// One of `choices`, all equally likely.
    pub(crate) fn among<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// True `per_mille` times of a thousand.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// An index of `cumulative`, a list of running totals, with probability in proportion to its share.
    pub(crate) fn weighted(&mut self, cumulative: &[u64]) -> usize {
        let at = self.below(cumulative.last().copied().unwrap_or(0));
        cumulative.partition_point(|total| *total <= at)
    }

    /// A rank from 0 to `n` - 1 by Zipf's law: rank k is drawn about 1 / (k + 1) as often as rank 0.
    ///
    /// Octaves are drawn evenly and then a number within one, which gives that law in steps and
    /// needs neither a table nor a logarithm.
    pub(crate) fn rank(&mut self, n: u64) -> u64 {
        let octaves = u64::from(u64::BITS - n.leading_zeros());
        loop {
            let low = 1 << self.below(octaves);
            let rank = low - 1 + self.below(low);
            if rank < n.max(1) {
                return rank;
            }
        }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// `len` characters of the alphabet used by ids, capital letters and digits.
    pub(crate) fn letters(&mut self, len: u32) -> String {
        let bits = self.bytes::<8>();
        letters(u64::from_le_bytes(bits), len)
    }
}

/// Scatters the bits of `word`, one to one (the finaliser of `SplitMix64`).
pub(crate) fn mix(word: u64) -> u64 {
    let mut x = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The low five bits of `bits` are the first letter, and so on; at most twelve letters.
pub(crate) fn letters(bits: u64, len: u32) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    (0..len)
        .map(|place| char::from(ALPHABET[usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0)]))
        .collect()
}
