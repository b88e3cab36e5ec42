//! The records that measurements write.

use std::path::{Path, PathBuf};

use crate::harness::measure;
use crate::harness::program::Bench;
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use xtask::error::{Error, Result};
use xtask::sh::cargo;
use xtask::workspace::Workspace;

/// Real records and events, optional, beside the checkout.
const HISTORY: &str = "../shared/data/git-history.ndjson.gz";
const CLOUDTRAIL: &str = "../shared/data/cloudtrail.ndjson.gz";
/// How many events are generated without the real ones.
const EVENTS: u64 = 3_000;
/// One record a line as a client sends it: without id, time and nulls.
const AS_SENT: &str = "select json_strip_nulls(row_to_json(r)) from (
    select actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
           tenant_id, request_id
      from control_plane.audit_logs";

/// A file with one record a line.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) file: PathBuf,
    /// Describes the records, for `Part::settings`.
    pub(crate) what: String,
}

/// The records of a real history, repeated with other ids and times, if available; by default the sample.
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

/// Records of the generator, the same on every machine.
pub(crate) fn sample(workspace: &Workspace, dir: &Path, records: u64) -> Result<PathBuf> {
    let file = dir.join(format!("sample-{records}.ndjson"));
    generate(workspace, &file, records, &["--format", "ndjson"])?;
    Ok(file)
}

/// Records with much metadata: imported CloudTrail events, real ones if available, by default generated.
pub(crate) fn large(workspace: &Workspace, testbed: &Testbed) -> Result<Corpus> {
    let dir = &testbed.bench.dir;
    let real = workspace.root().join(CLOUDTRAIL);
    let (events, origin) = if real.exists() {
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
        format!("{lines} {origin} CloudTrail events, with {mean} bytes of metadata on average");
    Ok(Corpus { file, what })
}

/// A random selection of the records of a filled log.
pub(crate) fn selection(bench: &Bench, of: u64, records: u64) -> Result<PathBuf> {
    // A tenth more than needed, because the size of a Bernoulli sample varies.
    let percent = (records as f64 * 110.0 / of as f64).min(100.0);
    let select = format!(
        "{AS_SENT} tablesample bernoulli ({percent}) repeatable (1) order by md5(id::text) \
         limit {records}) r"
    );
    write(bench.dir.join("selection.ndjson"), &bench.sql(&select)?)
}

fn write(file: PathBuf, records: &str) -> Result<PathBuf> {
    std::fs::write(&file, records).map_err(Error::doing(format!("write {}", file.display())))?;
    Ok(file)
}

/// Writes records to a file, unless it exists.
fn generate(workspace: &Workspace, file: &Path, records: u64, options: &[&str]) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    println!("writing {records} records");
    let part = file.with_extension("part");
    let sample = ["run", "--release", "--package", "auditrail-sample"];
    let run = cargo().args(sample).arg("--").args(options);
    let run = run.args(["--records", &records.to_string(), "--output"]).arg(&part);
    run.dir(workspace.root()).run()?;
    std::fs::rename(&part, file).map_err(Error::doing("rename the records"))
}
