//! `partition`: shows and maintains the partitions of the table.

mod progress;
mod status;

use auditrail_store::partitions::{Done, Maintenance, PartitionError};
use serde_json::json;

use super::migrate::lock_timeout;
use crate::cli::{LockArgs, PartitionCommand};
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use progress::ProgressReport;

/// Runs the subcommand.
pub(super) fn run(cx: &Context, command: &PartitionCommand) -> Result<Exit, Error> {
    match command {
        PartitionCommand::Status => status::run(cx),
        PartitionCommand::Adopt(args) => adopt(cx, args),
        PartitionCommand::Run(args) => work(cx, args, &async |maintenance, report| {
            maintenance.run(&mut |event| report.event(event)).await
        }),
        PartitionCommand::Close(args) => close(cx, args),
        PartitionCommand::Merge(args) => work(cx, args, &async |maintenance, report| {
            maintenance.merge(&mut |event| report.event(event)).await
        }),
    }
}

async fn maintenance(
    cx: &Context,
    database: &Database,
    args: &LockArgs,
) -> Result<Maintenance, Error> {
    let timeout = lock_timeout(cx, args.lock_timeout.as_deref())?;
    database.check_connection().await?;
    let maintenance = Maintenance::new(database.options().clone());
    Ok(match timeout {
        Some(timeout) => maintenance.with_lock_timeout(timeout),
        None => maintenance,
    })
}

fn adopt(cx: &Context, args: &LockArgs) -> Result<Exit, Error> {
    let output = cx.output;
    let mut report = ProgressReport::new(output);
    cx.with_database(async |database| {
        let maintenance = maintenance(cx, database, args).await?;
        let is_adopted = maintenance.adopt(&mut |event| report.event(event)).await?;
        if output.json {
            return output.document(&json!({"adopted": is_adopted}));
        }
        output.line(if is_adopted {
            "the table is partitioned"
        } else {
            "nothing to do: the table is partitioned already"
        })
    })?;
    Ok(Exit::Success)
}

fn close(cx: &Context, args: &LockArgs) -> Result<Exit, Error> {
    let output = cx.output;
    let mut report = ProgressReport::new(output);
    cx.with_database(async |database| {
        let maintenance = maintenance(cx, database, args).await?;
        let closed = maintenance.close(&mut |event| report.event(event)).await?;
        if output.json {
            return output.document(&json!({"closed": closed}));
        }
        output.line(&match closed {
            Some(name) => format!("closed as {name}"),
            None => "nothing to close: the range of the partition begins in the future".to_owned(),
        })
    })?;
    Ok(Exit::Success)
}

fn work(
    cx: &Context,
    args: &LockArgs,
    operation: &impl AsyncFn(&Maintenance, &mut ProgressReport) -> Result<Done, PartitionError>,
) -> Result<Exit, Error> {
    let output = cx.output;
    let mut report = ProgressReport::new(output);
    cx.with_database(async |database| {
        let maintenance = maintenance(cx, database, args).await?;
        let done = operation(&maintenance, &mut report).await?;
        if output.json {
            return output.document(&done);
        }
        let Done { closed, merged } = done;
        for name in &closed {
            output.line(&format!("closed as {name}"))?;
        }
        for name in &merged {
            output.line(&format!("merged into {name}"))?;
        }
        if closed.is_empty() && merged.is_empty() { output.line("nothing to do") } else { Ok(()) }
    })?;
    Ok(Exit::Success)
}
