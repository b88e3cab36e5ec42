//! The file of refused and invalid records: a line of JSON for each, with the reason.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::DeadLetter;
use super::directory::{options, sync_entries};
use super::trust;

/// A bounded file of dead letters. It is never shortened: when it is full, further ones are dropped and
/// counted until someone moves the file away.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: PathBuf,
    max_bytes: u64,
    /// Whether the last append dropped a letter, so that only the first one is logged.
    is_dropping: bool,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    code: &'a str,
    detail: &'a str,
    /// The record as it was sent.
    record: &'a RawValue,
}

impl DeadLetters {
    pub(super) fn new(path: PathBuf, max_bytes: u64) -> Self {
        Self { path, max_bytes, is_dropping: false }
    }

    /// Appends letters durably. Returns how many were written and how many were dropped.
    pub(super) fn append(&mut self, letters: &[DeadLetter]) -> (u64, u64) {
        let all = letters.len() as u64;
        let written = match append_lines(&self.path, letters, self.max_bytes) {
            Ok(written) => {
                if written < all {
                    let reason = "the file is full; move it away";
                    self.report(&reason);
                }
                written
            }
            Err(error) => {
                self.report(&error);
                0
            }
        };
        self.is_dropping = written < all;
        (written, all - written)
    }

    fn report(&self, reason: &dyn std::fmt::Display) {
        if !self.is_dropping {
            let file = self.path.display();
            tracing::error!(%file, %reason, "refused audit records cannot be kept");
        }
    }
}

/// Appends the letters that fit into the limit; returns how many did.
fn append_lines(path: &Path, letters: &[DeadLetter], max_bytes: u64) -> io::Result<u64> {
    let is_new = !path.exists();
    let mut file = trust::open_file(options().append(true), path)?;
    let mut length = file.metadata()?.len();
    let mut text = Vec::new();
    if length > 0 {
        // A crash may have left half a line.
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push(b'\n');
            length += 1;
        }
    }
    let mut written = 0;
    for letter in letters {
        let line = line(letter)?;
        if length + line.len() as u64 > max_bytes {
            break;
        }
        length += line.len() as u64;
        text.extend_from_slice(&line);
        written += 1;
    }
    if written > 0 {
        file.write_all(&text)?;
        file.sync_data()?;
    }
    if is_new && let Some(directory) = path.parent() {
        sync_entries(directory)?;
    }
    Ok(written)
}

fn line(letter: &DeadLetter) -> io::Result<Vec<u8>> {
    let DeadLetter { time, code, detail, record } = letter;
    let time = time.to_string();
    let mut line = match serde_json::from_slice(record) {
        Ok(record) => serde_json::to_vec(&Line { time, code, detail, record })?,
        // The recorder writes JSON, but the spool contains whatever an earlier program wrote.
        Err(_) => {
            let record = to_raw_value(&String::from_utf8_lossy(record))?;
            serde_json::to_vec(&Line { time, code, detail, record: &record })?
        }
    };
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bytes::Bytes;
    use jiff::Timestamp;

    use super::*;

    fn letter(record: &str) -> DeadLetter {
        DeadLetter {
            time: Timestamp::UNIX_EPOCH,
            code: "too_long".to_owned(),
            detail: "/a: is \"long\"".to_owned(),
            record: Bytes::copy_from_slice(record.as_bytes()),
        }
    }

    #[test]
    fn lines_have_time_code_detail_and_record() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("letters");
        let mut letters = DeadLetters::new(path.clone(), 1_000);
        assert_eq!(letters.append(&[letter(r#"{"n":1.0}"#), letter(r#"{"n":2}"#)]), (2, 0));
        let start = r#"{"time":"1970-01-01T00:00:00Z","code":"too_long","detail":"/a: is \"long\"","record":"#;
        let expected = format!("{start}{{\"n\":1.0}}}}\n{start}{{\"n\":2}}}}\n");
        assert_eq!(fs::read_to_string(&path)?, expected);

        let torn = &expected[..expected.len() - 5];
        fs::write(&path, torn)?;
        assert_eq!(letters.append(&[letter("{}")]), (1, 0));
        let text = fs::read_to_string(&path)?;
        assert_eq!(text, format!("{torn}\n{start}{{}}}}\n"), "half a line stays alone");
        Ok(())
    }

    #[test]
    fn a_full_file_keeps_what_it_has_and_drops_the_rest() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("letters");
        let length = line(&letter("{}"))?.len() as u64;
        let mut letters = DeadLetters::new(path.clone(), 2 * length);
        assert_eq!(letters.append(&[letter("{}"), letter("{}"), letter("{}")]), (2, 1));
        assert_eq!(letters.append(&[letter("{}")]), (0, 1));
        assert_eq!(fs::metadata(&path)?.len(), 2 * length);
        fs::remove_file(&path)?;
        assert_eq!(letters.append(&[letter("{}")]), (1, 0));
        let unwritable =
            DeadLetters::new(directory.path().join("none/such"), 1_000).append(&[letter("{}")]);
        assert_eq!(unwritable, (0, 1));
        Ok(())
    }
}
