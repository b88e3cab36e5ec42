//! `retention`: manages the rules of retention, and removes records.

mod request;
mod run;
mod tables;

use auditrail_core::RequestContext;
use auditrail_store::RuleChange;

use crate::cli::{GlobalArgs, RetentionCommand, RetentionRemoveArgs, RetentionSetArgs};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::safe;

/// Runs the subcommand.
pub(super) fn run(
    cx: &Context,
    flags: &GlobalArgs,
    command: &RetentionCommand,
) -> Result<Exit, Error> {
    match command {
        RetentionCommand::Set(args) => set(cx, args),
        RetentionCommand::List => list(cx),
        RetentionCommand::Remove(args) => remove(cx, args),
        RetentionCommand::Run(args) => run::run(cx, flags, args),
    }
}

fn set(cx: &Context, args: &RetentionSetArgs) -> Result<Exit, Error> {
    let (new, actor) = request::to_set(args)?;
    let change = cx.with_database(async |database| {
        let retention = database.retention().await?;
        Ok(retention.set(&new, &actor, &RequestContext::default()).await?)
    })?;
    let rule = change.rule();
    if cx.output.json {
        cx.output.document(rule)?
    } else {
        let done = match change {
            RuleChange::Created(_) => "created",
            RuleChange::Changed(_) => "changed",
            RuleChange::Unchanged(_) => "unchanged:",
        };
        let line = format!("{done} rule {}: {}", rule.id, tables::sentence(rule));
        cx.output.line(&safe::text(&line))?
    }
    Ok(Exit::Success)
}

fn list(cx: &Context) -> Result<Exit, Error> {
    let rules =
        cx.with_database(async |database| Ok(database.retention().await?.rules(None).await?))?;
    if !cx.output.json {
        if rules.is_empty() {
            cx.output.note("no rules: every record is kept for ever");
            return Ok(Exit::Success);
        }
        tables::rules(cx.output, &rules).print()?;
        return Ok(Exit::Success);
    }
    for rule in &rules {
        let text = serde_json::to_string(rule).map_err(|e| Error::stdout(e.into()))?;
        cx.output.line(&safe::json(&text))?;
    }
    Ok(Exit::Success)
}

fn remove(cx: &Context, args: &RetentionRemoveArgs) -> Result<Exit, Error> {
    let (id, actor) = request::to_remove(args)?;
    let removed = cx.with_database(async |database| {
        let retention = database.retention().await?;
        Ok(retention.remove(id, &actor, &RequestContext::default()).await?)
    })?;
    let Some(rule) = removed else {
        return Err(Error::Failed {
            code: "unknown_rule",
            detail: format!("no rule of retention with id {id}"),
            source: None,
            hint: Some("`auditrail retention list` lists all rules"),
        });
    };
    if cx.output.json {
        cx.output.document(&rule)?
    } else {
        cx.output.line(&format!("removed {id}"))?
    }
    Ok(Exit::Success)
}
