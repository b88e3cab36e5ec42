//! Finds an id that occurs twice, in bounded memory.
//!
//! Ids are sorted in memory up to a limit, and beyond that in runs in a temporary file that are merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::env;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use uuid::Uuid;

use crate::error::Error;

/// Most ids in memory: 192 MiB.
const IN_MEMORY: usize = 8 * 1024 * 1024;
/// Ids of a run that are read at once while runs are merged: 24 KiB.
const READ: usize = 1024;
/// An id and the number of its entry, big-endian: sorting the bytes sorts by id, then by number.
type Item = [u8; 24];

/// The ids of a log.
pub(super) struct Ids {
    sorted_in_memory: usize,
    items: Vec<Item>,
    /// The runs, one behind the other.
    file: Option<File>,
    /// The number of items of each run.
    runs: Vec<u64>,
}

/// Two entries with the same id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) id: Uuid,
    pub(super) entries: (u64, u64),
}

impl Ids {
    pub(super) fn new() -> Self {
        Self::with_limit(IN_MEMORY)
    }

    fn with_limit(sorted_in_memory: usize) -> Self {
        Self { sorted_in_memory, items: Vec::new(), file: None, runs: Vec::new() }
    }

    /// Adds the id of an entry.
    pub(super) fn push(&mut self, id: Uuid, entry: u64) -> Result<(), Error> {
        if self.items.len() == self.sorted_in_memory {
            self.write_run().map_err(temporary("write"))?;
        }
        self.items.push(item(id, entry));
        Ok(())
    }

    /// The smallest id that occurs twice, with its first two entries.
    pub(super) fn duplicate(mut self) -> Result<Option<Duplicate>, Error> {
        if self.file.is_none() {
            self.items.sort_unstable();
            return Ok(self.items.windows(2).find_map(|pair| duplicate(&pair[0], &pair[1])));
        }
        self.write_run().map_err(temporary("write"))?;
        self.merge().map_err(temporary("read"))
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.items.sort_unstable();
        let file = match self.file.take() {
            Some(file) => file,
            // Without a name: it disappears with the process.
            None => tempfile::tempfile()?,
        };
        self.file.insert(file).write_all(self.items.as_flattened())?;
        self.runs.push(self.items.len() as u64);
        self.items.clear();
        Ok(())
    }

    fn merge(self) -> io::Result<Option<Duplicate>> {
        let Some(file) = self.file else { return Ok(None) };
        let mut start = 0;
        let mut runs = Vec::new();
        for items in self.runs {
            runs.push(Run { next: start, end: start + items, read: Vec::new() });
            start += items;
        }
        let mut heads = BinaryHeap::new();
        for (run, reader) in runs.iter_mut().enumerate() {
            heads.extend(reader.next(&file)?.map(|item| Reverse((item, run))));
        }
        let mut before: Option<Item> = None;
        while let Some(Reverse((item, run))) = heads.pop() {
            if let Some(found) = before.and_then(|before| duplicate(&before, &item)) {
                return Ok(Some(found));
            }
            before = Some(item);
            heads.extend(runs[run].next(&file)?.map(|item| Reverse((item, run))));
        }
        Ok(None)
    }
}

/// A sorted part of the file. Positions are counted in items.
struct Run {
    next: u64,
    end: u64,
    /// Those that were read, the next one last.
    read: Vec<Item>,
}

impl Run {
    fn next(&mut self, file: &File) -> io::Result<Option<Item>> {
        if self.read.is_empty() && self.next < self.end {
            let left = usize::try_from(self.end - self.next).unwrap_or(READ);
            self.read.resize(left.min(READ), [0; 24]);
            file.read_exact_at(self.read.as_flattened_mut(), self.next * 24)?;
            self.next += self.read.len() as u64;
            self.read.reverse();
        }
        Ok(self.read.pop())
    }
}

fn item(id: Uuid, entry: u64) -> Item {
    let mut item = [0; 24];
    item[..16].copy_from_slice(id.as_bytes());
    item[16..].copy_from_slice(&entry.to_be_bytes());
    item
}

fn duplicate(a: &Item, b: &Item) -> Option<Duplicate> {
    let (id, first) = a.split_first_chunk::<16>()?;
    let (other, second) = b.split_first_chunk::<16>()?;
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
    let entries = (number(first)?, number(second)?);
    (id == other).then_some(Duplicate { id: Uuid::from_bytes(*id), entries })
}

fn temporary(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Failed {
        code: "io",
        detail: format!("cannot {doing} a temporary file in {}", env::temp_dir().display()),
        source: Some(source.into()),
        hint: Some("it takes 24 bytes a record; TMPDIR names another directory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicate(limit: usize, ids: impl IntoIterator<Item = u128>) -> Option<Duplicate> {
        let mut all = Ids::with_limit(limit);
        for (entry, id) in (0..).zip(ids) {
            all.push(Uuid::from_u128(id), entry).unwrap();
        }
        all.duplicate().unwrap()
    }

    /// Each number below 10,007, in another order.
    fn shuffled() -> Vec<u128> {
        (0..10_007).map(|number| number * 4_999 % 10_007 * 0x1_0000_0001).collect()
    }

    #[test]
    fn duplicate_is_found_in_memory_and_in_a_file() {
        for limit in [1, 7, 4_000, 10_007, 10_008, 1_000_000] {
            assert_eq!(duplicate(limit, shuffled()), None, "{limit}");
            let mut ids = shuffled();
            let id = ids[17];
            ids.push(id);
            let found = Duplicate { id: Uuid::from_u128(id), entries: (17, 10_007) };
            assert_eq!(duplicate(limit, ids), Some(found), "{limit}");
        }
        assert_eq!(duplicate(3, []), None);
    }

    #[test]
    fn first_two_of_several_are_named() {
        for limit in [2, 100] {
            let found = Duplicate { id: Uuid::from_u128(5), entries: (1, 2) };
            assert_eq!(duplicate(limit, [9, 5, 5, 9, 5]), Some(found));
        }
    }
}
