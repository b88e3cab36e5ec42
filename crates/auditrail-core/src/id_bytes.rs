//! Random bytes for ids, obtained for many ids at once.

/// Random bytes in an id that sorts by time; see [`RecordId::from_parts`](crate::RecordId::from_parts).
const ID_BYTES: usize = 10;
/// How many ids are provided for at once.
const IDS: usize = 64;

/// Random bytes for ids, obtained for 64 ids at once: a call to the operating system takes longer than
/// all else that an id needs.
///
/// ```
/// # use auditrail_core::IdBytes;
/// let mut bytes = IdBytes::new();
/// let fill = |random: &mut [u8]| {
///     random.fill(7); // in earnest, getrandom::fill
///     Ok::<(), std::io::Error>(())
/// };
/// assert_eq!(bytes.take(fill)?, [7; 10]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct IdBytes {
    random: [[u8; ID_BYTES]; IDS],
    left: usize,
}

impl IdBytes {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { random: [[0; ID_BYTES]; IDS], left: 0 }
    }

    /// The bytes of one id, which are not given again. `fill` is called for every 64th id.
    ///
    /// # Errors
    /// That of `fill`.
    pub fn take<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<[u8; ID_BYTES], E> {
        if self.left == 0 {
            fill(self.random.as_flattened_mut())?;
            self.left = IDS;
        }
        self.left -= 1;
        Ok(std::mem::take(&mut self.random[self.left]))
    }
}

impl Default for IdBytes {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_given_once_and_filled_again_when_used_up() {
        let mut bytes = IdBytes::new();
        let mut calls = 0_u8;
        for id in 0..IDS * 2 {
            let taken = bytes.take(|random| {
                calls += 1;
                random.fill(calls);
                Ok::<(), ()>(())
            });
            assert_eq!(taken, Ok([if id < IDS { 1 } else { 2 }; ID_BYTES]));
        }
        assert_eq!(calls, 2);
    }

    #[test]
    fn a_failure_leaves_nothing_to_take() {
        let mut bytes = IdBytes::new();
        assert_eq!(bytes.take(|_| Err("no")), Err("no"));
        assert_eq!(bytes.take(|_| Err("still no")), Err("still no"));
    }
}
