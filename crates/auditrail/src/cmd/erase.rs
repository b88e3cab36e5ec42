//! `erase`: erases the values of a person.

use std::io::{IsTerminal as _, stderr, stdin};
use std::path::Path;

use auditrail_core::{Actor, CursorKey, Query, RequestContext, Target, ValidationErrors};
use auditrail_store::erasure::{
    ErasedFields, Eraser, ErasureError, ErasureOptions, ErasurePlan, ErasureReport, Subject,
};
use serde_json::json;

use super::flags::parse_flag;
use super::hold::actor;
use crate::cli::EraseArgs;
use crate::clock;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{Meter, count};

/// Most records that mention the subject and are listed.
const ELSEWHERE_MAX: usize = 100;

/// Shows what would be erased, asks, and erases it.
pub(super) fn run(cx: &Context, args: &EraseArgs) -> Result<Exit, Error> {
    let erasure = options(args)?;
    let can_ask = stdin().is_terminal() && stderr().is_terminal() && !cx.output.json;
    if !args.dry_run && !args.yes && !can_ask {
        return Err(Error::Usage(
            "values are erased for good, so add --yes; --dry-run counts what would be erased"
                .to_owned(),
        ));
    }
    if !args.yes {
        let plan = cx.with_database(async |database| {
            Ok(Eraser::new(database.owner_options(None)?).plan(&erasure.subject).await?)
        })?;
        show(cx, &plan)?;
        if args.dry_run || plan.held > 0 || plan.records == 0 || !confirmed(&plan)? {
            return Ok(Exit::Success);
        }
    }
    let (report, elsewhere) = cx.with_database(async |database| {
        let report = erased(cx, database, &erasure).await?;
        Ok((report, elsewhere(database, &erasure.subject).await?))
    })?;
    summarize(cx, &report, &elsewhere)?;
    Ok(Exit::Success)
}

fn options(args: &EraseArgs) -> Result<ErasureOptions, Error> {
    let mut errors = Vec::new();
    let subject = Subject {
        actor: parse_flag(&mut errors, "--actor", args.actor.as_ref(), str::parse::<Actor>),
        target: parse_flag(&mut errors, "--target", args.target.as_ref(), str::parse::<Target>),
    };
    if let Some(errors) = ValidationErrors::new(errors) {
        return Err(Error::Invalid(errors));
    }
    if matches!(&subject.actor, Some(Actor::System)) {
        return Err(Error::Usage("the actor system is not a person".to_owned()));
    }
    let fields = if args.fields.is_empty() {
        ErasedFields::usual()
    } else {
        let fields = ErasedFields::new(args.fields.iter().map(String::as_str));
        fields.map_err(|error| Error::Usage(error.to_string()))?
    };
    let by = actor("--by", args.by.as_ref())?;
    Ok(ErasureOptions { subject, fields, reason: args.reason.clone(), by })
}

async fn erased(
    cx: &Context,
    database: &Database,
    erasure: &ErasureOptions,
) -> Result<ErasureReport, Error> {
    database.prepare().await?;
    let mut meter = Meter::records(cx.output);
    let eraser = Eraser::new(database.owner_options(None)?);
    let context = RequestContext::default();
    let report = eraser.erase(erasure, &context, &mut |records| meter.update(0, records)).await;
    meter.finish();
    Ok(report?)
}

/// Records that still mention an id of the subject, in metadata or in any other text; some of them, if there are many.
async fn elsewhere(database: &Database, subject: &Subject) -> Result<Vec<String>, Error> {
    let actor = subject.actor.as_ref().map(|actor| actor.id().to_owned());
    let target = subject.target.as_ref().map(|target| target.target_id.as_str().to_owned());
    let mut ids: Vec<String> = actor.into_iter().chain(target).collect();
    ids.dedup();
    let log = database.log().await?;
    let mut found = Vec::new();
    for id in ids {
        let phrase = format!("\"{}\"", id.replace(['"', '\\'], " "));
        let limit = ELSEWHERE_MAX.to_string();
        let pairs = [("q", phrase.as_str()), ("limit", limit.as_str())];
        // An id that is no phrase is not searched for.
        let Ok(query) = Query::from_pairs(pairs, &CursorKey::public(), clock::now()) else {
            continue;
        };
        let page = log.page(&query).await?;
        found.extend(page.data.iter().map(|record| record.id.to_string()));
    }
    Ok(found)
}

fn show(cx: &Context, plan: &ErasurePlan) -> Result<(), Error> {
    if cx.output.json {
        return cx.output.document(plan);
    }
    cx.output.line(&count(plan.records, "record"))?;
    if plan.held > 0 {
        cx.output.warn(&format!(
            "{} held by {}",
            count(plan.held, "record"),
            plan.holds.join(", ")
        ));
    }
    Ok(())
}

fn confirmed(plan: &ErasurePlan) -> Result<bool, Error> {
    let records = count(plan.records, "record");
    eprint!("Erase values of {records} for good? [y/N] ");
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Error::io("read from", Path::new("stdin")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn summarize(cx: &Context, report: &ErasureReport, elsewhere: &[String]) -> Result<(), Error> {
    if cx.output.json {
        return cx.output.document(&json!({
            "id": report.id,
            "records": report.records,
            "altered": report.altered,
            "pseudonym": report.pseudonym,
            "elsewhere": elsewhere,
        }));
    }
    let records = count(report.records, "record");
    cx.output.line(&format!("erased values of {records}; ids are {} now", report.pseudonym))?;
    if report.altered > 0 {
        cx.output.warn(&format!(
            "{} altered after it was sealed, and cannot be proved any more",
            count(report.altered, "record")
        ));
    }
    if !elsewhere.is_empty() {
        cx.output.warn(&format!(
            "{} still mention the subject, in metadata or other fields:",
            count(elsewhere.len() as u64, "record")
        ));
        elsewhere.iter().try_for_each(|id| cx.output.line(id))?;
    }
    cx.output.note("dead rows have the values until vacuum; archives and backups still have them");
    Ok(())
}

impl From<ErasureError> for Error {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Store(error) => Self::Store(error),
            ErasureError::Held { .. } => Self::Failed {
                code: "held",
                detail: error.to_string(),
                source: None,
                hint: Some(
                    "`auditrail hold list` shows the holds, `auditrail hold release NAME` releases one",
                ),
            },
            error => Self::failed("erasure", error.to_string()),
        }
    }
}
