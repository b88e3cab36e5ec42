//! `config`: the settings.

use serde::Serialize;

use super::Context;
use crate::cli::{ConfigCommand, GlobalArgs};
use crate::config::{Overview, Settings, Shown};
use crate::database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::table::Sheet;

/// Runs the subcommand.
pub(super) fn run(
    cx: &Context,
    flags: &GlobalArgs,
    command: &ConfigCommand,
) -> Result<Exit, Error> {
    let mut overview = Settings::overview(flags)?;
    tell_database(cx, &mut overview)?;
    for name in &overview.unknown {
        cx.output
            .warn(&format!("unknown setting {name}; `auditrail config show` lists all settings"));
    }
    match command {
        ConfigCommand::Check => check(cx, &overview),
        ConfigCommand::Show => show(cx, &overview),
    }
}

/// Shows where the database URL leads; its password stays hidden.
fn tell_database(cx: &Context, overview: &mut Overview) -> Result<(), Error> {
    let Some(url) = &cx.settings.database_url else { return Ok(()) };
    let place = database::place(url)?;
    for shown in overview.settings.iter_mut().filter(|shown| shown.env == "DATABASE_URL") {
        shown.value = Some(place.clone());
    }
    Ok(())
}

fn check(cx: &Context, overview: &Overview) -> Result<Exit, Error> {
    let set = overview.settings.iter().filter(|shown| shown.source != "default").count();
    if cx.output.json {
        cx.output.document(&serde_json::json!({
            "ok": true,
            "file": overview.path,
            "set": set,
            "unknown_variables": overview.unknown,
        }))?
    } else {
        let n = overview.settings.len();
        cx.output.line(&format!("{n} settings are valid, {set} of them not the default"))?;
    }
    Ok(Exit::Done)
}

fn show(cx: &Context, overview: &Overview) -> Result<Exit, Error> {
    if cx.output.json {
        cx.output.document(&Document { file: &overview.path, settings: &overview.settings })?;
        return Ok(Exit::Done);
    }
    let mut sheet = Sheet::new(cx.output, &["setting", "variable", "value", "from"]);
    for Shown { key, env, value, source } in &overview.settings {
        sheet.row([*key, *env, value.as_deref().unwrap_or("-"), *source]);
    }
    sheet.print()?;
    if let Some(path) = &overview.path {
        cx.output.note(&format!("file: {}", path.display()));
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Document<'a> {
    file: &'a Option<std::path::PathBuf>,
    settings: &'a [Shown],
}
