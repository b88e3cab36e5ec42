//! A hash table in a temporary file: counts by key, with linear probing.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;

/// Bytes of a slot: 12 of the key, then the count as a big-endian number. A count of 0 is a free slot.
const SLOT_BYTES: usize = 16;
const KEY_BYTES: usize = 12;
/// Slots that are read at once.
const BLOCK_SLOTS: usize = 16;
/// Slots of the smallest table.
const SLOTS_MIN: u64 = 1_024;

/// Counts by key.
///
/// Keys are digests, so their first bits choose a slot evenly. Of a key 96 bits are compared, so that among
/// a thousand million keys two are equal with a probability below 10⁻¹⁰.
pub(super) struct DiskTable {
    file: File,
    /// A power of two.
    slots: u64,
    used: u64,
}

impl DiskTable {
    /// An empty table with room for `keys`, in the directory for temporary files.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(super) fn create(keys: usize) -> io::Result<Self> {
        let slots = (keys as u64 * 2).next_power_of_two().max(SLOTS_MIN);
        let file = tempfile::tempfile()?;
        file.set_len(slots * SLOT_BYTES as u64)?;
        Ok(Self { file, slots, used: 0 })
    }

    /// Adds to the count of a key and returns the sum.
    ///
    /// # Errors
    /// When the file cannot be read or written, as on a full disk.
    pub(super) fn add(&mut self, key: u128, more: u32) -> io::Result<u32> {
        if (self.used + 1) * 10 > self.slots * 7 {
            self.grow()?;
        }
        let bytes = key.to_be_bytes();
        let (slot, before) = self.find(&bytes[..KEY_BYTES])?;
        let count = before.saturating_add(more);
        let mut entry = [0; SLOT_BYTES];
        entry[..KEY_BYTES].copy_from_slice(&bytes[..KEY_BYTES]);
        entry[KEY_BYTES..].copy_from_slice(&count.to_be_bytes());
        self.file.write_all_at(&entry, slot * SLOT_BYTES as u64)?;
        self.used += u64::from(before == 0);
        Ok(count)
    }

    /// The slot of a key and its count; a free slot has the count 0.
    fn find(&self, key: &[u8]) -> io::Result<(u64, u32)> {
        let mut first = [0; 8];
        first.copy_from_slice(&key[..8]);
        let mut slot = u64::from_be_bytes(first) >> (64 - self.slots.trailing_zeros());
        let mut block = [0; BLOCK_SLOTS * SLOT_BYTES];
        loop {
            let slots = (BLOCK_SLOTS as u64).min(self.slots - slot);
            let length = usize::try_from(slots).unwrap_or(0) * SLOT_BYTES;
            self.file.read_exact_at(&mut block[..length], slot * SLOT_BYTES as u64)?;
            for (at, entry) in (slot..).zip(block[..length].chunks_exact(SLOT_BYTES)) {
                let count = count_of(entry);
                if count == 0 || entry[..KEY_BYTES] == *key {
                    return Ok((at, count));
                }
            }
            slot = (slot + slots) % self.slots;
        }
    }

    /// Moves all counts to a table of twice the size. The order of slots is that of keys, so both files are
    /// accessed sequentially.
    fn grow(&mut self) -> io::Result<()> {
        let room = usize::try_from(self.slots).map_err(io::Error::other)?;
        let mut larger = Self::create(room)?;
        self.file.rewind()?;
        let mut reader = BufReader::with_capacity(128 * 1_024, &self.file);
        let mut entry = [0; SLOT_BYTES];
        for _ in 0..self.slots {
            reader.read_exact(&mut entry)?;
            let count = count_of(&entry);
            if count > 0 {
                let mut key = [0; 16];
                key[..KEY_BYTES].copy_from_slice(&entry[..KEY_BYTES]);
                larger.add(u128::from_be_bytes(key), count)?;
            }
        }
        *self = larger;
        Ok(())
    }
}

fn count_of(entry: &[u8]) -> u32 {
    let mut count = [0; SLOT_BYTES - KEY_BYTES];
    count.copy_from_slice(&entry[KEY_BYTES..SLOT_BYTES]);
    u32::from_be_bytes(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_one_first_slot_are_distinct() {
        let mut table = DiskTable::create(1).unwrap();
        let key = |n: u64| u128::MAX - (u128::from(n) << 40);
        for round in 1..=2 {
            for n in 0..900 {
                assert_eq!(table.add(key(n), 1).unwrap(), round, "{n}");
            }
        }
    }
}
