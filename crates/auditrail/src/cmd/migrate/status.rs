//! `migrate status` and `migrate verify`: the migration history, and the live schema against the
//! expected one.

use auditrail_store::migrate::{MigrationStatus, Origin, State, Status};
use auditrail_store::schema::Difference;
use serde_json::json;

use super::progress::format_duration;
use crate::cli::StatusArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::table::{Column, TextTable, Tone};

/// Prints every migration and every problem of the history.
pub(super) fn status(cx: &Context, args: &StatusArgs) -> Result<Exit, Error> {
    let status =
        cx.with_database(async |database| Ok(database.runner(None).await?.status().await?))?;
    let pending = status.pending();
    if cx.output.json {
        cx.output.document(&json!({
            "migrations": status.migrations,
            "pending": pending,
            "problems": status.problems,
        }))?;
    } else {
        print(cx.output, &status)?;
    }
    if !status.problems.is_empty() {
        let texts = status.problems.iter().map(|problem| format!("\n  {problem}"));
        let texts: String = texts.collect();
        let detail = format!("the migration history is inconsistent with this program:{texts}");
        return Err(Error::VerificationFailed { detail });
    }
    if args.check && pending > 0 {
        let detail = match pending {
            1 => "1 migration is pending".to_owned(),
            n => format!("{n} migrations are pending"),
        };
        return Err(Error::Pending { detail });
    }
    Ok(Exit::Success)
}

fn print(output: Output, status: &Status) -> Result<(), Error> {
    let columns = [
        Column::new("migration", 36),
        Column::new("state", 7),
        Column::optional("applied at", 20, 3),
        Column::optional("took", 6, 1),
        Column::optional("checksum", 8, 2),
        Column::optional("by", 8, 0),
    ];
    let mut table = TextTable::new(output, columns);
    for migration in &status.migrations {
        table.toned_row(row(migration));
    }
    table.print()
}

fn row(migration: &MigrationStatus) -> [(String, Tone); 6] {
    let (state, tone) = match (migration.state, migration.origin) {
        (State::Applied, Some(Origin::Baseline)) => ("adopted", Tone::Good),
        (State::Applied, _) => ("applied", Tone::Good),
        (State::Pending, _) => ("pending", Tone::Notice),
        (State::Unknown, _) => ("unknown", Tone::Bad),
    };
    let (checksum, checksum_tone) = match migration.checksum_ok {
        Some(true) => ("ok", Tone::Plain),
        Some(false) => ("differs", Tone::Bad),
        None => ("", Tone::Plain),
    };
    let name = format!("{:03} {}", migration.version, migration.name);
    let at = migration.applied_at.map(|at| format!("{at:.0}"));
    [
        (name, Tone::Plain),
        (state.to_owned(), tone),
        (at.unwrap_or_default(), Tone::Plain),
        (migration.took.map(format_duration).unwrap_or_default(), Tone::Plain),
        (checksum.to_owned(), checksum_tone),
        (migration.applied_by.clone().unwrap_or_default(), Tone::Plain),
    ]
}

/// Prints every difference between the live and the expected schema.
pub(super) fn verify(cx: &Context) -> Result<Exit, Error> {
    let (version, differences, pending) = cx.with_database(async |database| {
        let runner = database.runner(None).await?;
        let (version, differences) = runner.verify().await?;
        Ok((version, differences, runner.status().await?.pending()))
    })?;
    let drift = differences.iter().filter(|d| d.is_drift()).count();
    if cx.output.json {
        cx.output.document(&json!({
            "version": version,
            "drift": drift,
            "differences": differences,
            "pending": pending,
        }))?;
    } else {
        print_differences(cx.output, version, &differences)?;
    }
    if pending > 0 {
        let text = format!("note: {pending} pending migrations are not part of this check");
        cx.output.note(&text);
    }
    match drift {
        0 => Ok(Exit::Success),
        1 => verification_failed(version, "1 difference"),
        n => verification_failed(version, &format!("{n} differences")),
    }
}

fn print_differences(output: Output, version: i64, all: &[Difference]) -> Result<(), Error> {
    for difference in all {
        output.line(&crate::output::safe::text(&difference.to_string()))?;
    }
    if all.iter().any(Difference::is_drift) {
        Ok(())
    } else {
        output.line(&format!("the schema matches version {version}"))
    }
}

fn verification_failed(version: i64, what: &str) -> Result<Exit, Error> {
    let detail = format!("the schema does not match version {version}: {what}");
    Err(Error::VerificationFailed { detail })
}
