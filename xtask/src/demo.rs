//! `cargo xtask demo`: from a fresh clone to a queried audit log on a real PostgreSQL.
//!
//! Every step is a command of our program that a user can paste. Nothing happens behind it.

mod gateway;
mod queries;
mod samples;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::db;
use crate::error::{Error, Result};
use crate::postgres;
use crate::sh::Sh;
use crate::workspace::Workspace;

/// Migrate a private database, fill it with a sample, and ask it questions.
///
/// Builds the program, finds or obtains PostgreSQL, starts it privately, migrates, imports a month
/// of a control plane in two formats, and looks for what went wrong in that month. A second run is
/// quick and changes nothing. Remove the directory to start over.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask demo
  cargo xtask demo --gateway
  cargo xtask demo --records 1000000 --dir target/demo-large")]
pub(crate) struct Args {
    /// Records of the sample, a quarter of them again in CloudTrail's format.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(200..))]
    records: u64,
    /// Where the database and the sample files go.
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
    /// Also run a gateway whose requests leave records, and show what it recorded.
    #[arg(long)]
    gateway: bool,
}

impl Args {
    /// What CI runs: all of it, with as small a sample as has everything in it.
    pub(crate) fn all() -> Self {
        Self { records: 200, dir: "target/demo-ci".into(), gateway: true }
    }
}

/// What the steps share.
#[derive(Debug)]
struct Demo {
    program: PathBuf,
    postgres: PathBuf,
    dir: PathBuf,
    root: PathBuf,
}

impl Demo {
    /// Relative to the root where that is shorter; both run the same.
    fn short(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    fn auditrail(&self) -> Sh {
        let auditrail = Sh::new(self.short(&self.program))
            .arg("--data-dir")
            .arg(self.short(&self.dir.join("data")))
            .dir(&self.root);
        // What the machine has, the program finds by itself; what we unpacked must be named.
        if self.postgres.starts_with(&self.root) {
            auditrail.env(postgres::BIN, &self.postgres)
        } else {
            auditrail.quiet_env(postgres::BIN, &self.postgres)
        }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let start = Instant::now();
    let postgres = postgres::ensure(workspace)?;
    println!("{postgres}");
    println!("building the program (minutes the first time, seconds later)");
    let demo = Demo {
        program: db::build(workspace)?,
        postgres: postgres.bin,
        dir: workspace.root().join(&args.dir),
        root: workspace.root().to_owned(),
    };
    std::fs::create_dir_all(&demo.dir)
        .map_err(Error::doing(format!("make {}", demo.dir.display())))?;
    let samples = samples::write(workspace, &demo.dir, args.records)?;

    println!("\n# A private PostgreSQL, with our schema in it");
    demo.auditrail().args(["db", "start"]).show_and_run()?;
    let asked = fill(&demo, &samples).and_then(|()| queries::run(&demo));
    let asked = asked.and_then(|()| match args.gateway {
        true => gateway::run(workspace, &demo),
        false => Ok(()),
    });
    println!("\n# Done; the data stays in {}", demo.dir.display());
    let stopped = demo.auditrail().args(["db", "stop"]).show_and_run();
    asked.and(stopped)?;
    println!("\nThe demonstration took {:.1} s.", start.elapsed().as_secs_f64());
    Ok(())
}

/// Migrates and imports. Both do nothing the second time.
fn fill(demo: &Demo, samples: &samples::Samples) -> Result<()> {
    demo.auditrail().arg("migrate").show_and_run()?;
    println!("\n# A month of a control plane: our own format, then CloudTrail's");
    for (format, file) in [("ndjson", &samples.ndjson), ("cloudtrail", &samples.cloudtrail)] {
        let import = ["import", "--format", format];
        demo.auditrail().args(import).arg(file).show_and_run()?;
    }
    demo.auditrail().args(["migrate", "status"]).show_and_run()
}

/// Asks in SQL.
fn psql(demo: &Demo, sql: &str) -> Result<()> {
    // `-P pager=off`: a demonstration must not stop to be paged through.
    let psql = ["db", "psql", "--", "-P", "pager=off", "-c", sql];
    demo.auditrail().args(psql).show_and_run()
}
