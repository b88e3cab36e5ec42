//! `archive`: lists, verifies and restores archives.

use std::path::Path;

use auditrail_core::{ArchiveManifest, ArchiveName, FieldError, ValidationErrors, ValueError};
use auditrail_store::archive::{ArchiveDir, ArchiveError, Restored};
use serde::Serialize;
use serde_json::json;

use crate::cli::{ArchiveCommand, ArchiveRestoreArgs};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::count;
use crate::output::safe;
use crate::output::table::{Column, TextTable};

/// Runs the subcommand.
pub(super) fn run(cx: &Context, command: &ArchiveCommand) -> Result<Exit, Error> {
    match command {
        ArchiveCommand::List { dir } => list(cx, &ArchiveDir::open(dir)?),
        ArchiveCommand::Verify { dir, names } => verify(cx, &ArchiveDir::open(dir)?, names),
        ArchiveCommand::Restore(args) => restore(cx, args),
    }
}

/// A line of `archive list --json`.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    #[serde(flatten)]
    manifest: &'a ArchiveManifest,
}

fn list(cx: &Context, dir: &ArchiveDir) -> Result<Exit, Error> {
    let archives = dir.list()?;
    let mut table = TextTable::new(
        cx.output,
        [
            Column::whole("name", 42),
            Column::whole("records", 9),
            Column::new("partition", 24),
            Column::optional("oldest", 20, 1),
            Column::optional("newest", 20, 0),
        ],
    );
    let mut exit = Exit::Success;
    for archive in &archives {
        let manifest = match &archive.manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                cx.output.warn(&safe::lines(&error.to_string()));
                exit = Exit::VerificationFailed;
                continue;
            }
        };
        if cx.output.json {
            print_json(cx, &Line { name: archive.name.to_string(), manifest })?;
        }
        table.row([
            archive.name.to_string(),
            manifest.records.to_string(),
            manifest.partition.clone(),
            format!("{:.0}", manifest.oldest.timestamp()),
            format!("{:.0}", manifest.newest.timestamp()),
        ]);
    }
    if archives.is_empty() {
        cx.output.note(&format!("no archives in {}", dir.path().display()));
    } else if !cx.output.json {
        table.print()?;
    }
    Ok(exit)
}

fn verify(cx: &Context, dir: &ArchiveDir, names: &[String]) -> Result<Exit, Error> {
    let names = if names.is_empty() { all(dir)? } else { parse(names)? };
    let mut failed = 0;
    for name in &names {
        let verified =
            dir.verify(*name).and_then(|manifest| Ok((manifest, dir.manifest_sha256(*name)?)));
        match verified {
            Ok((manifest, sha256)) if cx.output.json => {
                let records = manifest.records;
                print_json(
                    cx,
                    &json!({"name": name.to_string(), "valid": true, "records": records, "manifest_sha256": sha256}),
                )?;
            }
            Ok((manifest, sha256)) => {
                let records = count(manifest.records, "record");
                cx.output.line(&format!("{name}: valid, {records}, manifest SHA-256 {sha256}"))?;
            }
            Err(error) => {
                failed += 1;
                let error = safe::lines(&with_cause(&error)).into_owned();
                if cx.output.json {
                    print_json(
                        cx,
                        &json!({"name": name.to_string(), "valid": false, "error": error}),
                    )?;
                } else {
                    cx.output.warn(&error);
                }
            }
        }
    }
    match failed {
        0 => Ok(Exit::Success),
        _ => Err(Error::VerificationFailed {
            detail: format!("{failed} of {} not valid", count(names.len() as u64, "archive")),
        }),
    }
}

fn restore(cx: &Context, args: &ArchiveRestoreArgs) -> Result<Exit, Error> {
    let dir = ArchiveDir::open(&args.dir)?;
    let names = if args.all { all(&dir)? } else { parse(&args.names)? };
    let restored = cx.with_database(async |database| {
        let restore = database.archive_restore().await?;
        let mut total = Restored::default();
        for name in &names {
            let Restored { created, duplicates } = restore.restore(&dir, *name).await?;
            total.created += created;
            total.duplicates += duplicates;
        }
        Ok(total)
    })?;
    let Restored { created, duplicates } = restored;
    if cx.output.json {
        let archives = names.len();
        cx.output.document(
            &json!({"archives": archives, "created": created, "duplicates": duplicates}),
        )?
    } else {
        let present =
            if duplicates > 0 { format!(", {duplicates} present before") } else { String::new() };
        let archives = count(names.len() as u64, "archive");
        cx.output
            .line(&format!("restored {} from {archives}{present}", count(created, "record")))?
    }
    Ok(Exit::Success)
}

/// The names of all archives of a directory.
fn all(dir: &ArchiveDir) -> Result<Vec<ArchiveName>, Error> {
    let names: Vec<_> = dir.list()?.into_iter().map(|archive| archive.name).collect();
    if names.is_empty() { Err(no_archives(dir.path())) } else { Ok(names) }
}

fn no_archives(dir: &Path) -> Error {
    Error::failed("no_archives", format!("no archives in {}", dir.display()))
}

fn parse(names: &[String]) -> Result<Vec<ArchiveName>, Error> {
    const FORMAT: ValueError =
        ValueError::BadFormat { expected: "the name of an archive, as `archive list` prints it" };
    let mut errors = Vec::new();
    let parsed = names.iter().filter_map(|name| {
        name.parse().map_err(|_| errors.push(FieldError::new("NAME", &FORMAT))).ok()
    });
    let parsed = parsed.collect();
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok(parsed),
    }
}

fn with_cause(error: &ArchiveError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn print_json(cx: &Context, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(|error| Error::stdout(error.into()))?;
    cx.output.line(&safe::json(&text))
}
