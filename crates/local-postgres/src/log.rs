//! The server's log: one file, bounded, and the part of it that explains a failure.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::Error;
use crate::layout::Layout;

/// A log that is longer than this when a server starts is set aside, and the one that was set
/// aside before is dropped. A quiet server writes a line every few minutes.
const LONGEST_LOG: u64 = 8 << 20;
/// How much of the end of the log goes into an error.
const LONGEST_TAIL: u64 = 4 << 10;
/// And how many lines of it.
const TAIL_LINES: usize = 15;

/// The log, and where the part that belongs to this attempt begins.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    begin: u64,
}

impl Log {
    pub(crate) fn open(layout: &Layout) -> Result<Self, Error> {
        let path = layout.log();
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.len() > LONGEST_LOG) {
            let aside = path.with_added_extension("1");
            fs::rename(&path, &aside).map_err(Error::io("set aside the log", &path))?;
        }
        let failed = Error::io("open the log", &path);
        let file = layout.open(&path, OFlags::APPEND).map_err(&failed)?;
        let begin = file.metadata().map_err(&failed)?.len();
        Ok(Self { file, begin })
    }

    /// For a child's standard output or error.
    pub(crate) fn writer(&self, path: &Path) -> Result<File, Error> {
        self.file
            .try_clone()
            .map_err(Error::io("open the log", path))
    }

    /// The end of what was written since it was opened; empty when it cannot be read.
    pub(crate) fn tail(&self) -> String {
        self.read_tail().unwrap_or_default()
    }

    fn read_tail(&self) -> std::io::Result<String> {
        let mut file = &self.file;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            self.begin.max(end.saturating_sub(LONGEST_TAIL)),
        ))?;
        let mut bytes = Vec::new();
        file.take(LONGEST_TAIL).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
    }
}
