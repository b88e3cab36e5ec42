//! `cargo xtask demo`: from a fresh clone to a queried audit log on a real PostgreSQL.
//!
//! Every step is a command of the program `auditrail` that a user can paste.

mod gateway;
mod proof;
mod queries;
mod samples;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::postgres;
use crate::service::Service;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

/// Migrate a private database, fill it with a sample, and query it.
///
/// Builds the program, finds or installs PostgreSQL, starts it privately, migrates, imports a month
/// of a control plane in two formats, investigates an incident in it, and proves a record of it: the
/// record is changed in the database, which is found, and restored. A second run is quick. Remove the
/// directory to start over.
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
    /// Directory of the database and the sample files.
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
    /// Also run a gateway that records requests, and show its records.
    #[arg(long)]
    gateway: bool,
}

impl Args {
    /// What CI runs: all of it, with the smallest sample that contains the incident.
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
    /// Relative to the root where possible; commands run in the root.
    fn short(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    fn auditrail(&self) -> Sh {
        let auditrail = Sh::new(self.short(&self.program))
            .arg("--data-dir")
            .arg(self.short(&self.dir.join("data")))
            .dir(&self.root);
        // The program finds an installed PostgreSQL by itself, but not one below target/.
        if self.is_postgres_in_checkout() {
            auditrail.env(postgres::BIN, &self.postgres)
        } else {
            auditrail.quiet_env(postgres::BIN, &self.postgres)
        }
    }

    fn is_postgres_in_checkout(&self) -> bool {
        self.postgres.starts_with(&self.root)
    }

    /// How to continue by hand, for the end of the demonstration.
    fn next_steps(&self) -> String {
        let program = self.short(&self.program);
        let data = self.short(&self.dir.join("data"));
        let mut steps = format!(
            "\n# To continue by hand\n\nThe program is {}, the data directory {}.\n\n",
            program.display(),
            data.display()
        );
        if self.is_postgres_in_checkout() {
            steps += &format!("export {}={}\n", postgres::BIN, self.postgres.display());
        }
        for (command, purpose) in [
            ("query --action 'key.*'", "search; --help lists the filters"),
            ("key create --scope read", "an API key for the HTTP API"),
            ("serve", "the HTTP API; prints its address"),
            ("db psql", "SQL on the same database"),
            ("db url", "its address, for DATABASE_URL"),
        ] {
            let line = format!("{} --data-dir {} {command}", program.display(), data.display());
            steps += &format!("{line:<70} # {purpose}\n");
        }
        steps
            + "\nDocumentation: README.md, docs/http.md (the API), docs/operations.md (in production)."
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let start = Instant::now();
    let postgres = postgres::ensure(workspace)?;
    println!("{postgres}");
    println!(
        "building the program: about three minutes on two cores the first time, seconds later"
    );
    // One cargo invocation, so that both share one build of their dependencies.
    let build = ["build", "--package", "auditrail", "--package", "auditrail-sample"];
    cargo().args(build).dir(workspace.root()).run()?;
    let binaries = workspace.target().join("debug");
    let demo = Demo {
        program: binaries.join("auditrail"),
        postgres: postgres.bin,
        dir: workspace.root().join(&args.dir),
        root: workspace.root().to_owned(),
    };
    std::fs::create_dir_all(&demo.dir)
        .map_err(Error::doing(format!("create {}", demo.dir.display())))?;
    let samples = samples::write(&demo, &binaries.join("auditrail-sample"), args.records)?;

    println!("\n# A private PostgreSQL with the schema");
    demo.auditrail().args(["db", "start"]).show_and_run()?;
    let result = steps(workspace, &demo, &samples, args.gateway);
    println!("\n# Done; the data stays in {}", demo.dir.display());
    let stopped = demo.auditrail().args(["db", "stop"]).show_and_run();
    result.and(stopped)?;
    println!("{}", demo.next_steps());
    println!("\nThe demonstration took {:.1} s.", start.elapsed().as_secs_f64());
    Ok(())
}

fn steps(
    workspace: &Workspace,
    demo: &Demo,
    samples: &samples::Samples,
    gateway: bool,
) -> Result<()> {
    fill(demo, samples)?;
    queries::run(demo)?;
    proof::run(demo)?;
    if gateway { gateway::run(workspace, demo) } else { Ok(()) }
}

/// Migrates and imports; a second run changes nothing.
fn fill(demo: &Demo, samples: &samples::Samples) -> Result<()> {
    demo.auditrail().arg("migrate").show_and_run()?;
    println!("\n# A month of a control plane: records as NDJSON, then CloudTrail events");
    for (format, file) in [("ndjson", &samples.ndjson), ("cloudtrail", &samples.cloudtrail)] {
        demo.auditrail().args(["import", "--format", format]).arg(file).show_and_run()?;
    }
    demo.auditrail().args(["migrate", "status"]).show_and_run()
}

/// Starts the HTTP service on the private database.
fn serve(demo: &Demo, listen: &str) -> Result<Service> {
    let serve = ["serve", "--json", "--quiet", "--listen", listen, "--admin-listen", "127.0.0.1:0"];
    Service::start(demo.auditrail().args(serve).quiet_env("AUDITRAIL_LOG", "error").shown())
}

/// Runs a query in SQL.
fn psql(demo: &Demo, sql: &str) -> Result<()> {
    // Without a pager, which would wait for a key.
    let psql = ["db", "psql", "--", "-P", "pager=off", "-c", sql];
    demo.auditrail().args(psql).show_and_run()
}
