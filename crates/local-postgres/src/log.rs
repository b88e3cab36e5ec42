//! The server's log: one file of bounded size, whose end is quoted in errors.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::Error;
use crate::layout::Layout;

/// A longer log is rotated when a server starts, replacing the previous one. An idle server writes a line every
/// few minutes.
const LOG_MAX_BYTES: u64 = 8 << 20;
/// Bytes of the log that an error quotes at most.
const TAIL_MAX_BYTES: u64 = 4 << 10;
/// Lines of the log that an error quotes at most.
const TAIL_LINES: usize = 15;

/// The log, and the offset at which this attempt starts.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    begin: u64,
}

impl Log {
    pub(crate) fn open(layout: &Layout) -> Result<Self, Error> {
        let path = layout.log();
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.len() > LOG_MAX_BYTES) {
            let rotated = path.with_added_extension("1");
            fs::rename(&path, &rotated).map_err(Error::io("rotate the log", &path))?;
        }
        let failed = Error::io("open the log", &path);
        let file = layout.open(&path, OFlags::APPEND).map_err(&failed)?;
        let begin = file.metadata().map_err(&failed)?.len();
        Ok(Self { file, begin })
    }

    /// A handle for the standard output or error of a child.
    pub(crate) fn writer(&self, path: &Path) -> Result<File, Error> {
        self.file.try_clone().map_err(Error::io("open the log", path))
    }

    /// The end of what was written since it was opened; empty if it cannot be read.
    pub(crate) fn tail(&self) -> String {
        self.read_tail().unwrap_or_default()
    }

    fn read_tail(&self) -> std::io::Result<String> {
        let mut file = &self.file;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.begin.max(end.saturating_sub(TAIL_MAX_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_MAX_BYTES).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
    }
}
