//! `show`: prints one record.

use auditrail_core::{AuditLogService, RecordId, ValidationErrors};

use super::flags::parse_flag;
use super::record_view::print_record;
use crate::cli::ShowArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Prints the record with the id.
pub(super) fn run(cx: &Context, args: &ShowArgs) -> Result<Exit, Error> {
    let id = record_id(&args.id)?;
    let record = cx.with_database(async |database| Ok(database.log().await?.get(id).await?))?;
    let record = record.ok_or_else(|| Error::Failed {
        code: "not_found",
        detail: format!("no record has the id {id}"),
        source: None,
        hint: Some("`auditrail query --long` prints the ids of matching records"),
    })?;
    if cx.output.json {
        cx.output.document(&record)?
    } else {
        print_record(cx.output, &record)?
    }
    Ok(Exit::Success)
}

fn record_id(text: &String) -> Result<RecordId, Error> {
    let mut errors = Vec::new();
    let id = parse_flag(&mut errors, "ID", Some(text), str::parse::<RecordId>);
    match (id, ValidationErrors::new(errors)) {
        (Some(id), None) => Ok(id),
        (_, Some(errors)) => Err(Error::Invalid(errors)),
        // Without an id there is an error.
        (None, None) => Err(Error::Usage("ID is invalid".to_owned())),
    }
}
