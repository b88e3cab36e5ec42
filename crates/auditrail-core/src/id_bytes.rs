//! Random bytes for ids, obtained for many ids at once.

/// Random bytes in an id that sorts by time; see [`RecordId::from_parts`](crate::RecordId::from_parts).
const ID_BYTES: usize = 10;
/// How many ids one call provides bytes for.
const IDS: usize = 64;

/// Random bytes for ids, obtained for 64 ids at once: the call to the operating system is the most
/// expensive part of an id.
///
/// ```
/// # use auditrail_core::IdBytes;
/// let mut bytes = IdBytes::new();
/// let fill = |random: &mut [u8]| {
///     random.fill(7); // in production: getrandom::fill
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
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { random: [[0; ID_BYTES]; IDS], left: 0 }
    }

    /// Returns the bytes of one id; each is returned once. Calls `fill` for every 64th id.
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
    fn bytes_are_used_once_and_then_refilled() {
        let mut bytes = IdBytes::new();
        let mut calls = 0_u8;
        for id in 0..IDS * 2 {
            let random = bytes.take(|random| {
                calls += 1;
                random.fill(calls);
                Ok::<(), ()>(())
            });
            assert_eq!(random, Ok([if id < IDS { 1 } else { 2 }; ID_BYTES]));
        }
        assert_eq!(calls, 2);
    }

    #[test]
    fn failed_fill_provides_no_bytes() {
        let mut bytes = IdBytes::new();
        assert_eq!(bytes.take(|_| Err("no")), Err("no"));
        assert_eq!(bytes.take(|_| Err("still no")), Err("still no"));
    }
}
