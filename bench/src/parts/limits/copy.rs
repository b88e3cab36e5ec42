//! COPY of prepared files in PostgreSQL's binary format.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::harness::psql::{COLUMNS, Database};
use xtask::error::{Error, Result};
use xtask::sh::Sh;

/// Prepared files, one for each connection; deleted when dropped.
#[derive(Debug)]
pub(crate) struct CopyFiles {
    /// Deletes them when dropped.
    _dir: tempfile::TempDir,
    files: Vec<PathBuf>,
}

/// Rows and duration of a COPY.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied {
    pub(crate) rows: f64,
    /// From the start of the first `psql` to the end of the last.
    pub(crate) seconds: f64,
}

impl Copied {
    pub(crate) fn per_second(&self) -> f64 {
        self.rows / self.seconds
    }
}

impl CopyFiles {
    /// Distributes all records of the table to as many files below `scratch`.
    pub(crate) fn of_table(
        database: Database<'_>,
        connections: u16,
        scratch: &Path,
    ) -> Result<Self> {
        let dir = tempfile::tempdir_in(scratch).map_err(Error::doing("make a directory"))?;
        let mut files = Vec::new();
        for number in 0..connections {
            let file = dir.path().join(format!("{number}.bin"));
            let rows = format!(
                "select {COLUMNS} from (select {COLUMNS}, row_number() over (order by ctid) as n \
                 from control_plane.audit_logs) as numbered where n % {connections} = {number} \
                 order by n"
            );
            let to = format!("\\copy ({rows}) to {} (format binary)", quoted(&file));
            Sh::new(database.bin.join("psql")).args(psql(database.url, &to)).quietly()?;
            files.push(file);
        }
        Ok(Self { _dir: dir, files })
    }
}

/// Writes all files concurrently, each over its own connection.
pub(crate) fn copy(database: Database<'_>, files: &CopyFiles) -> Result<Copied> {
    let start_time = Instant::now();
    let start = |file| Copying::start(database, file);
    let running: Vec<Copying> =
        files.files.iter().map(|file| start(file)).collect::<Result<_>>()?;
    let rows = running.into_iter().map(Copying::rows).sum::<Result<f64>>()?;
    Ok(Copied { rows, seconds: start_time.elapsed().as_secs_f64() })
}

/// A running `psql`; killed when dropped.
struct Copying {
    child: Child,
}

impl Copying {
    fn start(database: Database<'_>, file: &Path) -> Result<Self> {
        let mut psql = Command::new(database.bin.join("psql"));
        let from = format!(
            "\\copy control_plane.audit_logs ({COLUMNS}) from {} (format binary)",
            quoted(file)
        );
        psql.args(self::psql(database.url, &from)).stdin(Stdio::null()).stdout(Stdio::piped());
        let line = format!("{psql:?}");
        let started = psql.spawn().map_err(|source| Error::NotStarted { line, source });
        Ok(Self { child: started? })
    }

    /// Waits for its end; the number of rows it reports.
    fn rows(mut self) -> Result<f64> {
        use std::io::Read as _;
        let mut output = String::new();
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_string(&mut output).map_err(Error::doing("read the output of psql"))?;
        }
        let status = self.child.wait().map_err(Error::doing("wait for psql"))?;
        let rows = output.trim().strip_prefix("COPY ").and_then(|rows| rows.parse().ok());
        match rows {
            Some(rows) if status.success() => Ok(rows),
            _ => Err(Error::Failed { line: "psql \\copy".to_owned(), status }),
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn psql<'a>(url: &'a str, command: &'a str) -> [&'a str; 7] {
    ["-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command]
}

/// Quoted for `\copy`.
fn quoted(file: &Path) -> String {
    format!("'{}'", file.display().to_string().replace('\'', "''"))
}
