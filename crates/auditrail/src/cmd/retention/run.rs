//! `retention run`: removes the records that no rule keeps.

use std::io::{IsTerminal, stderr, stdin};
use std::path::Path;

use auditrail_core::{Actor, ValidationErrors};
use auditrail_store::archive::ArchiveDir;
use auditrail_store::{RetentionOptions, RetentionPlan, RetentionReport, RetentionStep, RunLimits};
use serde::Serialize;

use super::{request, tables};
use crate::cli::{GlobalArgs, RetentionRunArgs};
use crate::cmd::key::actor_or_login;
use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{Meter, count};
use crate::output::{Output, safe};

/// Shows what would leave, asks, and removes it.
pub(super) fn run(
    cx: &Context,
    flags: &GlobalArgs,
    args: &RetentionRunArgs,
) -> Result<Exit, Error> {
    let mut errors = Vec::new();
    let by = request::actor(&mut errors, args.actor.as_ref());
    if let Some(errors) = ValidationErrors::new(errors) {
        return Err(Error::Invalid(errors));
    }
    let by = actor_or_login(by)?;
    let archive = archive_dir(flags, args)?;
    let can_ask = stdin().is_terminal() && stderr().is_terminal() && !cx.output.json;
    if !args.dry_run && !args.yes && !can_ask {
        return Err(Error::Usage(
            "records are removed for good, so add --yes; `retention run --dry-run` shows which"
                .to_owned(),
        ));
    }
    note_holds(cx)?;
    if !args.yes {
        let plan = plan(cx)?;
        show(cx.output, args.dry_run, &plan, archive.as_ref())?;
        if args.dry_run || plan.records() == 0 || !confirmed(&plan, archive.is_some())? {
            return Ok(Exit::Success);
        }
    }
    let report = remove(cx, by, archive.clone())?;
    if cx.output.json {
        cx.output.document(&report)?
    } else {
        summarize(cx.output, &report, archive.as_ref())?
    }
    Ok(Exit::Success)
}

/// Where records are archived: in the directory of the flag, else in that of the service; `None` for no archive.
fn archive_dir(flags: &GlobalArgs, args: &RetentionRunArgs) -> Result<Option<ArchiveDir>, Error> {
    if args.no_archive {
        return Ok(None);
    }
    let path = Settings::archive_dir(flags, args.archive_dir.as_deref())?;
    path.as_deref().map(ArchiveDir::open).transpose().map_err(|error| Error::Failed {
        code: error.code(),
        detail: "cannot use the archive directory".to_owned(),
        source: Some(error.into()),
        hint: Some("create or mount it, or name another one with --archive-dir; --no-archive removes records without"),
    })
}

/// The document of a dry run.
#[derive(Serialize)]
struct DryRun<'a> {
    #[serde(flatten)]
    plan: &'a RetentionPlan,
    /// Where the run would write archives; null for none.
    archive_dir: Option<&'a Path>,
}

fn show(
    output: Output,
    dry_run: bool,
    plan: &RetentionPlan,
    archive: Option<&ArchiveDir>,
) -> Result<(), Error> {
    let archive_dir = archive.map(ArchiveDir::path);
    if output.json && dry_run {
        return output.document(&DryRun { plan, archive_dir });
    }
    if plan.kept_at.is_none() {
        output.note("no rule removes records; `auditrail retention set` makes one");
    } else if plan.records() == 0 {
        output.note("every record is kept");
    } else {
        tables::plan(output, plan).print()?;
        let how = match archive_dir {
            Some(dir) => format!("archived in {} and removed", dir.display()),
            None => "removed without an archive".to_owned(),
        };
        output.note(&safe::text(&format!("{} would be {how}", tables::records(plan))));
    }
    Ok(())
}

/// Asks on the terminal.
fn confirmed(plan: &RetentionPlan, is_archived: bool) -> Result<bool, Error> {
    let how = if is_archived { "Archive and remove" } else { "Remove" };
    eprint!("{how} {} for good? [y/N] ", tables::records(plan));
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Error::io("read from", Path::new("stdin")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Names the holds, which keep records whatever the rules say.
fn note_holds(cx: &Context) -> Result<(), Error> {
    let holds =
        cx.with_database(async |database| Ok(database.holds().await?.list(false).await?))?;
    if !holds.is_empty() {
        let names: Vec<&str> = holds.iter().map(|hold| hold.name.as_str()).collect();
        cx.output.note(&format!("what these holds cover is kept: {}", names.join(", ")));
    }
    Ok(())
}

fn plan(cx: &Context) -> Result<RetentionPlan, Error> {
    let mut progress = Progress::new(cx.output);
    let mut on_step = |step| progress.step(&step);
    let plan = cx.with_database(async |database| {
        Ok(database.retention_run().await?.plan(&mut on_step).await?)
    })?;
    progress.meter.finish();
    Ok(plan)
}

/// The progress of a run or its plan.
struct Progress {
    meter: Meter,
    looked_at: u64,
    removed: u64,
}

impl Progress {
    fn new(output: Output) -> Self {
        Self { meter: Meter::records(output), looked_at: 0, removed: 0 }
    }

    fn step(&mut self, step: &RetentionStep) {
        match step {
            RetentionStep::LookedAt { records, .. } => self.looked_at += records,
            RetentionStep::Deleted { records, .. } | RetentionStep::Exchanged { records, .. } => {
                self.removed += records;
            }
            _ => return,
        }
        self.meter.looked_at(self.looked_at, self.removed);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "both are used up by the run")]
fn remove(cx: &Context, by: Actor, archive: Option<ArchiveDir>) -> Result<RetentionReport, Error> {
    let mut progress = Progress::new(cx.output);
    let mut on_step = |step| progress.step(&step);
    let report = cx.with_database(async |database| {
        let options = RetentionOptions {
            by: by.clone(),
            archive: archive.clone(),
            stop: &|| false,
            on_step: &mut on_step,
            limits: RunLimits::default(),
        };
        Ok(database.retention_run().await?.run(options).await?)
    })?;
    progress.meter.finish();
    Ok(report)
}

fn summarize(
    output: Output,
    report: &RetentionReport,
    archive: Option<&ArchiveDir>,
) -> Result<(), Error> {
    let mut line = format!("removed {}", count(report.records, "record"));
    if let Some(archive) = archive.filter(|_| !report.archives.is_empty()) {
        let archives = count(report.archives.len() as u64, "archive");
        line.push_str(&format!(", in {archives} in {}", archive.path().display()));
    }
    output.line(&safe::text(&line))?;
    if report.completed_runs > 0 {
        let runs = count(report.completed_runs, "interrupted run");
        output.note(&format!("recorded what {runs} had removed"));
    }
    if !report.postponed.is_empty() {
        output.warn(&format!(
            "not looked at, because transactions used them all the time: {}; run it again",
            report.postponed.join(", ")
        ));
    }
    Ok(())
}
