//! `config`: checks and shows the settings.

use serde::Serialize;

use crate::cli::{ConfigCommand, GlobalArgs};
use crate::config::{Overview, ResolvedSetting, Settings};
use crate::context::Context;
use crate::database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::table::{Column, TextTable};

/// Runs the subcommand.
pub(super) fn run(
    cx: &Context,
    flags: &GlobalArgs,
    command: &ConfigCommand,
) -> Result<Exit, Error> {
    let mut overview = Settings::overview(flags)?;
    show_database(cx, &mut overview)?;
    for name in &overview.unknown {
        cx.output
            .warn(&format!("unknown setting {name}; `auditrail config show` lists all settings"));
    }
    match command {
        ConfigCommand::Check => check(cx, &overview),
        ConfigCommand::Show => show(cx, &overview),
    }
}

/// Replaces the hidden database URL by a description without the password.
fn show_database(cx: &Context, overview: &mut Overview) -> Result<(), Error> {
    let Some(url) = &cx.settings.database_url else { return Ok(()) };
    let description = database::describe_url(url)?;
    for setting in overview.settings.iter_mut().filter(|setting| setting.env == "DATABASE_URL") {
        setting.value = Some(description.clone());
    }
    Ok(())
}

fn check(cx: &Context, overview: &Overview) -> Result<Exit, Error> {
    let set = overview.settings.iter().filter(|setting| setting.source != "default").count();
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
    Ok(Exit::Success)
}

fn show(cx: &Context, overview: &Overview) -> Result<Exit, Error> {
    if cx.output.json {
        cx.output.document(&Document { file: &overview.path, settings: &overview.settings })?;
        return Ok(Exit::Success);
    }
    let columns = [
        Column::new("setting", 28),
        Column::optional("variable", 34, 0),
        Column::new("value", 24),
        Column::new("from", 11),
    ];
    let mut table = TextTable::new(cx.output, columns);
    for ResolvedSetting { key, env, value, source } in &overview.settings {
        table.row([*key, *env, value.as_deref().unwrap_or("-"), *source]);
    }
    table.print()?;
    if let Some(path) = &overview.path {
        cx.output.note(&format!("file: {}", path.display()));
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct Document<'a> {
    file: &'a Option<std::path::PathBuf>,
    settings: &'a [ResolvedSetting],
}
