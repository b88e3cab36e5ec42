//! The records that the sides of a measurement write.

use std::path::{Path, PathBuf};

use crate::harness::measure;
use crate::harness::program::Bench;
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use xtask::error::{Error, Result};
use xtask::sh::cargo;
use xtask::workspace::Workspace;

/// Real records and real events, where they are: beside the checkout.
const HISTORY: &str = "../shared/data/git-history.ndjson.gz";
const CLOUDTRAIL: &str = "../shared/data/cloudtrail.ndjson.gz";
/// How many events stand in for the real ones: about as many.
const EVENTS: u64 = 3_000;
/// A record a line, as a caller would send it: without id and time, and without what it has not.
const AS_SENT: &str = "select json_strip_nulls(row_to_json(r)) from (
    select actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
           tenant_id, request_id
      from control_plane.audit_logs";

/// Records, one a line.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) file: PathBuf,
    /// For the settings of a part.
    pub(crate) what: String,
}

/// Those of a real history over and over with other ids and times, where they are; else the sample.
pub(crate) fn usual(workspace: &Workspace, dir: &Path, records: u64) -> Result<Corpus> {
    let real = workspace.root().join(HISTORY);
    if !real.exists() {
        let what = format!("{records} records of the project's generator");
        return Ok(Corpus { file: sample(workspace, dir, records)?, what });
    }
    let file = dir.join(format!("git-history-{records}.ndjson"));
    generate(workspace, &file, records, &["--repeat", &real.display().to_string()])?;
    let what = format!("{records} records of a real history, repeated with other ids and times");
    Ok(Corpus { file, what })
}

/// What the project's generator makes: the same on every machine.
pub(crate) fn sample(workspace: &Workspace, dir: &Path, records: u64) -> Result<PathBuf> {
    let file = dir.join(format!("sample-{records}.ndjson"));
    generate(workspace, &file, records, &["--format", "ndjson"])?;
    Ok(file)
}

/// Records with much metadata: CloudTrail events as our program imports them, real ones where they
/// are, else the generator's.
pub(crate) fn large(workspace: &Workspace, testbed: &Testbed) -> Result<Corpus> {
    let dir = &testbed.bench.dir;
    let real = workspace.root().join(CLOUDTRAIL);
    let (events, whose) = if real.exists() {
        (real, "real")
    } else {
        let file = dir.join(format!("cloudtrail-{EVENTS}.ndjson"));
        generate(workspace, &file, EVENTS, &["--format", "cloudtrail"])?;
        (file, "generated")
    };
    let log = testbed.empty("bench_large")?;
    let mut import = testbed.bench.auditrail();
    import.env("DATABASE_URL", log.url(Transport::Unix)?);
    import.args(["--quiet", "import", "--format", "cloudtrail"]).arg(events);
    measure::run(import)?;
    let records = log.sql(&format!("{AS_SENT} order by created_at, id) r"))?;
    let mean =
        log.sql("select round(avg(length(metadata::text))) from control_plane.audit_logs")?;
    let file = write(dir.join("cloudtrail-records.ndjson"), &records)?;
    let lines = records.lines().count();
    let what =
        format!("{lines} {whose} CloudTrail events, with {mean} bytes of metadata on average");
    Ok(Corpus { file, what })
}

/// Some of the records of a filled log, so that each comes among its like when it is written again.
pub(crate) fn drawn(bench: &Bench, of: u64, records: u64) -> Result<PathBuf> {
    // A tenth more than is wanted, because how many are drawn is up to chance.
    let percent = (records as f64 * 110.0 / of as f64).min(100.0);
    let drawn = format!(
        "{AS_SENT} tablesample bernoulli ({percent}) repeatable (1) order by md5(id::text) \
         limit {records}) r"
    );
    write(bench.dir.join("drawn.ndjson"), &bench.sql(&drawn)?)
}

fn write(file: PathBuf, records: &str) -> Result<PathBuf> {
    std::fs::write(&file, records).map_err(Error::doing(format!("write {}", file.display())))?;
    Ok(file)
}

/// Writes records to a file, unless an earlier run has.
fn generate(workspace: &Workspace, file: &Path, records: u64, how: &[&str]) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    println!("writing {records} records");
    let part = file.with_extension("part");
    let sample = ["run", "--quiet", "--release", "--package", "auditrail-sample"];
    let run = cargo().args(sample).arg("--").args(how);
    let run = run.args(["--records", &records.to_string(), "--output"]).arg(&part);
    run.dir(workspace.root()).run()?;
    std::fs::rename(&part, file).map_err(Error::doing("rename the records"))
}
