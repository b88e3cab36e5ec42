//! `hold`: keeps records from being removed and erased.

use auditrail_core::{Actor, Filters, RequestContext, ValidationErrors};
use auditrail_store::holds::{Hold, HoldError, NewHold};

use super::filters::filters;
use super::flags::parse_flag;
use super::key::actor_or_login;
use crate::cli::{HoldCommand, HoldCreateArgs, HoldListArgs, HoldReleaseArgs};
use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Longest name, in characters.
const NAME_MAX: usize = 200;
/// Longest reason, in characters.
const REASON_MAX: usize = 2_000;

/// Runs the subcommand.
pub(super) fn run(cx: &Context, command: &HoldCommand) -> Result<Exit, Error> {
    match command {
        HoldCommand::Create(args) => create(cx, args),
        HoldCommand::List(args) => list(cx, args),
        HoldCommand::Release(args) => release(cx, args),
    }
}

fn create(cx: &Context, args: &HoldCreateArgs) -> Result<Exit, Error> {
    let by = actor("--by", args.by.as_ref())?;
    let new = NewHold {
        name: args.name.clone(),
        reason: args.reason.clone(),
        filters: filters(&args.filters, clock::now())?,
    };
    check(&new, args.all)?;
    let hold = cx.with_database(async |database| {
        Ok(database.holds().await?.create(&new, &by, &RequestContext::default()).await?)
    })?;
    print(cx, &hold, "created")
}

/// Refuses what a hold cannot have.
fn check(new: &NewHold, all: bool) -> Result<(), Error> {
    let usage = |text: String| Err(Error::Usage(text));
    if new.name.is_empty() || new.name.chars().count() > NAME_MAX {
        return usage(format!("the name of a hold has 1 to {NAME_MAX} characters"));
    }
    if new.reason.chars().count() > REASON_MAX {
        return usage(format!("the reason of a hold has at most {REASON_MAX} characters"));
    }
    if let Some(filter) = new.unsupported() {
        return usage(format!("holds have no filter on {filter}"));
    }
    match (new.filters == Filters::default(), all) {
        (true, false) => {
            usage("name the records with filters, or hold every record with --all".to_owned())
        }
        (false, true) => usage("--all has no filters".to_owned()),
        _ => Ok(()),
    }
}

fn list(cx: &Context, args: &HoldListArgs) -> Result<Exit, Error> {
    let holds =
        cx.with_database(async |database| Ok(database.holds().await?.list(args.released).await?))?;
    if cx.output.json {
        holds.iter().try_for_each(|hold| cx.output.document(hold))?;
        return Ok(Exit::Success);
    }
    if holds.is_empty() {
        cx.output.note("no holds");
    }
    for hold in &holds {
        cx.output.line(&line(hold))?;
    }
    Ok(Exit::Success)
}

fn release(cx: &Context, args: &HoldReleaseArgs) -> Result<Exit, Error> {
    let by = actor("--by", args.by.as_ref())?;
    let released = cx.with_database(async |database| {
        let holds = database.holds().await?;
        Ok(holds.release(&args.name, &by, &RequestContext::default()).await?)
    })?;
    let Some(hold) = released else {
        return Err(Error::Failed {
            code: "unknown_hold",
            detail: format!("no hold has the name {:?}", args.name),
            source: None,
            hint: Some("`auditrail hold list` lists all holds"),
        });
    };
    print(cx, &hold, "released")
}

fn print(cx: &Context, hold: &Hold, what: &str) -> Result<Exit, Error> {
    if cx.output.json {
        cx.output.document(hold)?;
    } else {
        cx.output.line(&format!("{what} {}", line(hold)))?;
    }
    Ok(Exit::Success)
}

fn line(hold: &Hold) -> String {
    let filters = hold.filters.iter().map(|(name, value)| format!("{name}={value}"));
    let filters = filters.collect::<Vec<_>>().join(" ");
    let filters = if filters.is_empty() { "every record".to_owned() } else { filters };
    let state = match (&hold.released_at, &hold.released_by) {
        (Some(at), Some(by)) => format!("released {at} by {by}"),
        _ => format!("since {} by {}", hold.created_at, hold.created_by),
    };
    crate::output::safe::text(&format!("{}: {filters} ({state}): {}", hold.name, hold.reason))
        .into()
}

/// The actor of an audit record.
pub(super) fn actor(flag: &'static str, value: Option<&String>) -> Result<Actor, Error> {
    let mut errors = Vec::new();
    let actor = parse_flag(&mut errors, flag, value, str::parse::<Actor>);
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => actor_or_login(actor),
    }
}

impl From<HoldError> for Error {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Store(error) => Self::Store(error),
            error => Self::failed("hold", error.to_string()),
        }
    }
}
