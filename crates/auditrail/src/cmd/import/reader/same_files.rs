//! Finds files with the same lines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::occurrences::LineKey;

/// Files whose lines without an id are the same.
///
/// Such lines are separate records, because two machines may write equal lines. But one file may also be a
/// copy of the other, such as a compressed one, so the user should know.
#[derive(Default)]
pub(super) struct SameFiles {
    /// The first file with each content: the number of lines, and the sum of their keys.
    first: HashMap<(u64, u128), PathBuf>,
    lines: u64,
    sum: u128,
}

impl SameFiles {
    /// Adds a line without an id of the current file.
    pub(super) fn add(&mut self, key: LineKey) {
        self.lines += 1;
        self.sum = self.sum.wrapping_add(key.number());
    }

    /// Ends the current file; the note, if an earlier file has the same lines.
    pub(super) fn end(&mut self, file: &Path) -> Option<String> {
        let lines = std::mem::take(&mut self.lines);
        let content = (lines, std::mem::take(&mut self.sum));
        if lines == 0 {
            return None;
        }
        if let Some(first) = self.first.get(&content) {
            return Some(format!(
                "{} has the same lines without an id as {}; both were imported, as separate records",
                file.display(),
                first.display(),
            ));
        }
        self.first.insert(content, file.to_owned());
        None
    }
}
