//! `migrate`: migrates and verifies the schema of the audit log.

mod grants;
mod progress;
mod status;

use std::time::Duration;

use auditrail_store::migrate::Migration;
use serde_json::json;

use crate::cli::{DownArgs, MigrateArgs, MigrateCommand, SqlArgs, UpArgs};
use crate::config::parse_duration;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
pub(super) use progress::ProgressReport;

/// Runs the subcommand; without one, applies pending migrations.
pub(super) fn run(cx: &Context, args: &MigrateArgs) -> Result<Exit, Error> {
    match &args.command {
        None => up(cx, &args.up),
        Some(MigrateCommand::Status(args)) => status::status(cx, args),
        Some(MigrateCommand::Verify) => status::verify(cx),
        Some(MigrateCommand::Baseline { lock_timeout }) => baseline(cx, lock_timeout.as_deref()),
        Some(MigrateCommand::Sql(args)) => sql(cx, args),
        Some(MigrateCommand::Down(args)) => down(cx, args),
        Some(MigrateCommand::Grants(args)) => grants::run(cx, args),
    }
}

fn up(cx: &Context, args: &UpArgs) -> Result<Exit, Error> {
    let timeout = lock_timeout(cx, args.lock_timeout.as_deref())?;
    let mut report = ProgressReport::new(cx.output, "applying");
    let output = cx.output;
    cx.with_database(async |database| {
        let runner = database.runner(timeout).await?;
        if args.dry_run {
            let planned = runner.plan(args.to).await?;
            return plan(cx, &planned, "would apply");
        }
        let applied = runner.up(args.to, &mut |event| report.event(event)).await?;
        let done = applied.migrations;
        if let Some(reason) = &applied.not_partitioned {
            output.warn(reason);
        }
        if output.json {
            return output.document(&json!({"applied": steps(&done), "dry_run": false}));
        }
        match done.len() {
            0 => output.line("nothing to do: all migrations are applied"),
            n => output.line(&format!("applied {n} {}", noun(n))),
        }
    })?;
    Ok(Exit::Success)
}

fn down(cx: &Context, args: &DownArgs) -> Result<Exit, Error> {
    let timeout = lock_timeout(cx, args.lock_timeout.as_deref())?;
    let mut report = ProgressReport::new(cx.output, "reverting");
    let output = cx.output;
    cx.with_database(async |database| {
        let runner = database.runner(timeout).await?;
        if args.dry_run {
            let planned = runner.plan_down(args.to, args.allow_data_loss).await?;
            return plan(cx, &planned, "would revert");
        }
        let undone =
            runner.down(args.to, args.allow_data_loss, &mut |event| report.event(event)).await?;
        if output.json {
            return output.document(&json!({"undone": steps(&undone), "dry_run": false}));
        }
        match undone.len() {
            0 => output.line("nothing to do: none of these migrations is applied"),
            n => output.line(&format!("reverted {n} {}", noun(n))),
        }
    })?;
    Ok(Exit::Success)
}

fn plan(cx: &Context, planned: &[Migration], would: &str) -> Result<(), Error> {
    if cx.output.json {
        let planned: Vec<_> = planned.iter().map(step).collect();
        return cx.output.document(&json!({"planned": planned, "dry_run": true}));
    }
    if planned.is_empty() {
        return cx.output.line("nothing to do");
    }
    for migration in planned {
        let text = format!("{would} {}: {}", migration.file(), migration.what());
        cx.output.line(&text)?;
    }
    Ok(())
}

fn baseline(cx: &Context, timeout: Option<&str>) -> Result<Exit, Error> {
    let timeout = lock_timeout(cx, timeout)?;
    let mut report = ProgressReport::new(cx.output, "adopting");
    let version = cx.with_database(async |database| {
        let runner = database.runner(timeout).await?;
        let version = runner.baseline(&mut |event| report.event(event)).await?;
        Ok(version)
    })?;
    if cx.output.json {
        cx.output.document(&json!({"version": version}))?
    } else {
        cx.output.line(&format!(
            "adopted: the schema is at version {version}; `auditrail migrate` applies later migrations"
        ))?
    }
    Ok(Exit::Success)
}

fn sql(cx: &Context, args: &SqlArgs) -> Result<Exit, Error> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(Error::Usage(format!("--from {from} is after --to {to}")));
    }
    // The script comes from the embedded migrations, so these options are never used to connect.
    let runner = auditrail_store::migrate::Runner::new(sqlx::postgres::PgConnectOptions::new());
    let script = runner.script(args.from, args.to)?;
    if cx.output.json {
        cx.output.document(&json!({"sql": script}))?
    } else {
        cx.output.text(&script)?
    }
    Ok(Exit::Success)
}

/// The timeout of a flag, or the setting.
pub(super) fn lock_timeout(cx: &Context, flag: Option<&str>) -> Result<Option<Duration>, Error> {
    match flag {
        Some(text) => parse_duration(text)
            .map(Some)
            .map_err(|reason| Error::Usage(format!("--lock-timeout {reason}"))),
        None => Ok(cx.settings.lock_timeout),
    }
}

fn step(migration: &Migration) -> serde_json::Value {
    json!({"version": migration.version(), "name": migration.name()})
}

fn steps(done: &[(Migration, Duration)]) -> Vec<serde_json::Value> {
    let timed = |(migration, took): &(Migration, Duration)| {
        json!({
            "version": migration.version(),
            "name": migration.name(),
            "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
    };
    done.iter().map(timed).collect()
}

fn noun(n: usize) -> &'static str {
    match n {
        1 => "migration",
        _ => "migrations",
    }
}
