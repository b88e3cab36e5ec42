//! Rows in the text format of COPY: fields separated by tabs, escapes with backslashes, `\N` for null.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sha2::{Digest, Sha256};

use xtask::error::{Error, Result};

/// The COPY statement; the time is a default of the database.
pub(super) const STATEMENT: &str = "copy control_plane.audit_logs \
    (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, \
     tenant_id, request_id) from stdin";
const FIELDS: [&str; 10] = [
    "actor_id",
    "actor_type",
    "action",
    "target_type",
    "target_id",
    "metadata",
    "ip_address",
    "user_agent",
    "tenant_id",
    "request_id",
];

/// Rows without ids.
#[derive(Debug)]
pub(super) struct Rows(Vec<String>);

impl Rows {
    /// The records of an NDJSON file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).map_err(Error::doing(format!("read {}", file.display())))?;
        let rows: Option<Vec<_>> = text.lines().map(row).collect();
        match rows.filter(|rows| !rows.is_empty()) {
            Some(rows) => Ok(Self(rows)),
            None => Err(Error::Refused(format!("{} is not a list of records", file.display()))),
        }
    }

    /// Chunks of rows for one writer, with distinct ids in time order like the service's; random ids would be
    /// slower.
    pub(super) fn chunks(&self, writer: u32, chunks: u32, size: u32) -> Vec<Vec<u8>> {
        #[expect(clippy::disallowed_methods, reason = "the ids are near those of the service")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(0);
        let mut rows = self.0.iter().cycle();
        let mut chunk = |number: u32| {
            // About as many milliseconds later as a chunk takes.
            let millis = millis + u64::from(number) * 20;
            let noise = Sha256::digest(format!("{millis} {writer}"));
            let mut out = String::new();
            for place in 0..size {
                if let Some(row) = rows.next() {
                    out += &id(millis, place, &noise);
                    out.push('\t');
                    out += row;
                    out.push('\n');
                }
            }
            out.into_bytes()
        };
        (0..chunks).map(&mut chunk).collect()
    }
}

/// A version 7 UUID of the time, the position among those of that time, and random bits.
fn id(millis: u64, place: u32, noise: &[u8]) -> String {
    let time = format!("{millis:012x}");
    let tail: String = noise[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let (high, low) = (place >> 12 & 0xfff, place & 0xfff);
    format!("{}-{}-7{high:03x}-8{low:03x}-{tail}", &time[..8], &time[8..])
}

fn row(line: &str) -> Option<String> {
    let record: Value = serde_json::from_str(line).ok()?;
    let fields = FIELDS.map(|name| match record.get(name) {
        None | Some(Value::Null) => "\\N".to_owned(),
        Some(Value::String(text)) => escaped(text),
        Some(value) => escaped(&value.to_string()),
    });
    record.is_object().then(|| fields.join("\t"))
}

fn escaped(text: &str) -> String {
    let escapes = [('\\', "\\\\"), ('\t', "\\t"), ('\n', "\\n"), ('\r', "\\r")];
    escapes.iter().fold(text.to_owned(), |text, (c, escape)| text.replace(*c, escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_becomes_a_row_of_text() {
        let line = r#"{"id":"x","actor_id":"a\tb","actor_type":"user","action":"c.d","target_type":"e",
                      "target_id":"f","metadata":{"g":"h\\i\n"},"ip_address":null}"#;
        let row = row(line).unwrap();
        let expected =
            ["a\\tb", "user", "c.d", "e", "f", r#"{"g":"h\\\\i\\n"}"#, "\\N", "\\N", "\\N", "\\N"];
        assert_eq!(row.split('\t').collect::<Vec<_>>(), expected);
        assert!(super::row("[]").is_none());
    }

    #[test]
    fn ids_are_distinct() {
        let rows = Rows(vec!["r".to_owned()]);
        let mut ids = Vec::new();
        for writer in 0..2 {
            for chunk in rows.chunks(writer, 3, 5_000) {
                let text = String::from_utf8(chunk).unwrap();
                ids.extend(text.lines().map(|line| line.split('\t').next().unwrap().to_owned()));
            }
        }
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 30_000);
    }
}
