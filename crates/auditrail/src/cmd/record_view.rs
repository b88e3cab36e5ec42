//! Human-readable output of records.

use auditrail_core::{ActorName, Record, TargetName};

use crate::error::Error;
use crate::output::table::{Column, TextTable};
use crate::output::{Output, safe};

/// Metadata in a table is truncated to this many characters; `--long`, `show` and `--json` print all of it.
const METADATA_MAX_CHARS: usize = 120;

/// Prints one record, a line for each column with a value.
pub(super) fn print_record(output: Output, record: &Record) -> Result<(), Error> {
    let optional = |value: Option<String>| value.unwrap_or_default();
    let rows = [
        ("id", record.id.to_string()),
        ("time", record.created_at.to_string()),
        ("actor", actor(record)),
        ("action", record.action.to_string()),
        ("target", target(record)),
        ("outcome", optional(record.outcome.map(|outcome| outcome.to_string()))),
        ("ip", optional(record.ip_address.map(|ip| ip.to_string()))),
        ("user agent", optional(record.user_agent.as_ref().map(ToString::to_string))),
        ("tenant", optional(record.tenant_id.as_ref().map(ToString::to_string))),
        ("request", optional(record.request_id.as_ref().map(ToString::to_string))),
        ("recorded by", optional(record.recorded_by.as_ref().map(ToString::to_string))),
        ("metadata", metadata(record)),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        output.line(&format!("{name:<11}  {}", safe::text(value)))?;
    }
    Ok(())
}

/// Prints records as [`print_record`] does, with an empty line between them.
pub(super) fn print_long(output: Output, records: &[Record]) -> Result<(), Error> {
    for (n, record) in records.iter().enumerate() {
        if n > 0 {
            output.line("")?;
        }
        print_record(output, record)?;
    }
    Ok(())
}

/// Prints records as a table, newest first.
pub(super) fn print_records(output: Output, records: &[Record]) -> Result<(), Error> {
    let columns = [
        Column::whole("time", 20),
        Column::new("actor", 14),
        Column::new("action", 16),
        Column::new("target", 16),
        Column::optional("outcome", 7, 4),
        Column::optional("ip", 15, 2),
        Column::optional("tenant", 10, 3),
        Column::optional("request", 12, 0),
        Column::optional("metadata", 20, 1),
    ];
    let mut table = TextTable::new(output, columns);
    for record in records {
        table.row(cells(record));
    }
    table.print()
}

/// The record on one line, as a row of [`print_records`] without columns: those that follow are not known yet.
pub(super) fn line(record: &Record) -> String {
    let cells = cells(record);
    let cells = cells.iter().filter(|cell| !cell.is_empty()).map(|cell| safe::text(cell));
    cells.collect::<Vec<_>>().join("  ")
}

fn cells(record: &Record) -> [String; 9] {
    let time = record.created_at.timestamp();
    let metadata = metadata(record);
    [
        format!("{time:.0}"),
        actor(record),
        record.action.to_string(),
        target(record),
        record.outcome.map(|outcome| outcome.to_string()).unwrap_or_default(),
        record.ip_address.map(|ip| ip.to_string()).unwrap_or_default(),
        record.tenant_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.request_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        safe::truncated(&metadata, METADATA_MAX_CHARS).into_owned(),
    ]
}

/// The actor, with its name in parentheses.
fn actor(record: &Record) -> String {
    named(record.actor.to_string(), record.actor_name.as_ref().map(ActorName::as_str))
}

/// The target, with its name in parentheses.
fn target(record: &Record) -> String {
    named(record.target.to_string(), record.target_name.as_ref().map(TargetName::as_str))
}

fn named(id: String, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{id} ({name})"),
        None => id,
    }
}

/// The metadata as JSON; empty text for an empty object.
fn metadata(record: &Record) -> String {
    let metadata = record.metadata.as_ref().map(ToString::to_string);
    metadata.filter(|text| text != "{}").unwrap_or_default()
}
