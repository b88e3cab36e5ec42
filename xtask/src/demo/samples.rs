//! The sample files of the demonstration, written once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sh::cargo;
use crate::workspace::Workspace;

/// The same month twice: as our records, and a part of it as the cloud account saw it.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) ndjson: PathBuf,
    pub(super) cloudtrail: PathBuf,
}

/// Part of the records that is also written in CloudTrail's format.
const CLOUDTRAIL_PART: u64 = 4;

/// The smallest sample that has the incident in it.
const SMALLEST: u64 = 200;

/// Writes the files into `dir` unless they are there: their size is in their names.
pub(super) fn write(workspace: &Workspace, dir: &Path, records: u64) -> Result<Samples> {
    let events = (records / CLOUDTRAIL_PART).max(SMALLEST);
    Ok(Samples {
        ndjson: file(workspace, dir, "ndjson", records)?,
        cloudtrail: file(workspace, dir, "cloudtrail", events)?,
    })
}

fn file(workspace: &Workspace, dir: &Path, format: &str, records: u64) -> Result<PathBuf> {
    let path = dir.join(format!("{format}-{records}.ndjson.gz"));
    if !path.exists() {
        // Written beside and renamed: a file that was cut short must not pass for a whole one.
        let part = path.with_extension("part");
        cargo()
            .args(["run", "--quiet", "--package", "auditrail-sample", "--"])
            .args(["--gzip", "--format", format])
            .args(["--records", &records.to_string(), "--output"])
            .arg(&part)
            .dir(workspace.root())
            .show_and_run()?;
        fs::rename(&part, &path).map_err(Error::doing(format!("make {}", path.display())))?;
    }
    Ok(path.strip_prefix(workspace.root()).unwrap_or(&path).to_owned())
}
