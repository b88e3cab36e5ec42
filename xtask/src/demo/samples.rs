//! The sample files of the demonstration, written once.

use std::fs;
use std::path::{Path, PathBuf};

use super::Demo;
use crate::error::{Error, Result};
use crate::sh::Sh;

/// One month of records, and a part of it as CloudTrail events.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) ndjson: PathBuf,
    pub(super) cloudtrail: PathBuf,
}

/// One in so many records is also written as a CloudTrail event.
const CLOUDTRAIL_RATIO: u64 = 4;

/// The smallest sample that contains the incident.
const MIN_RECORDS: u64 = 200;

/// Writes the files unless they exist; their names contain their size.
pub(super) fn write(demo: &Demo, generator: &Path, records: u64) -> Result<Samples> {
    let events = (records / CLOUDTRAIL_RATIO).max(MIN_RECORDS);
    Ok(Samples {
        ndjson: file(demo, generator, "ndjson", records)?,
        cloudtrail: file(demo, generator, "cloudtrail", events)?,
    })
}

fn file(demo: &Demo, generator: &Path, format: &str, records: u64) -> Result<PathBuf> {
    let path = demo.dir.join(format!("{format}-{records}.ndjson.gz"));
    if !path.exists() {
        // Renamed when complete, so that an interrupted run leaves no truncated file under this name.
        let part = path.with_extension("part");
        Sh::new(demo.short(generator))
            .args(["--gzip", "--format", format])
            .args(["--records", &records.to_string(), "--output"])
            .arg(demo.short(&part))
            .dir(&demo.root)
            .show_and_run()?;
        fs::rename(&part, &path).map_err(Error::doing(format!("create {}", path.display())))?;
    }
    Ok(demo.short(&path))
}
