//! Output formats of the sample; records are written as they are generated.

use std::io::{self, Write};

use serde::Serialize;

use super::{Sample, cloudtrail};

impl Sample {
    /// Writes the records as NDJSON: one a line, with the column names of the schema.
    ///
    /// # Errors
    /// Those of `to`, which should be buffered: a line is several small writes.
    pub fn write_ndjson(&self, mut to: impl Write) -> io::Result<()> {
        for record in self {
            line(&mut to, &record)?;
        }
        to.flush()
    }

    /// Writes the month as CloudTrail records, one a line.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_cloudtrail(&self, mut to: impl Write) -> io::Result<()> {
        for event in cloudtrail::events(self) {
            line(&mut to, &event)?;
        }
        to.flush()
    }

    /// Writes the month as AWS delivers it: one document `{"Records": […]}`.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_cloudtrail_records(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(b"{\"Records\":[")?;
        for (place, event) in cloudtrail::events(self).enumerate() {
            if place > 0 {
                to.write_all(b",")?;
            }
            serde_json::to_writer(&mut to, &event)?;
        }
        to.write_all(b"]}\n")?;
        to.flush()
    }
}

fn line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}
