//! `db`: manages the private PostgreSQL.

use std::process::Command;

use local_postgres::{LocalPostgres, ServerInfo, Status, StopMode};
use serde_json::json;

use crate::cli::{DbCommand, PsqlArgs};
use crate::context::Context;
use crate::database::{PRIVATE_DATABASE, private_config};
use crate::error::Error;
use crate::exit::Exit;

/// Runs the subcommand.
pub(super) fn run(cx: &Context, command: &DbCommand) -> Result<Exit, Error> {
    if cx.settings.database_url.is_some() {
        cx.output.note(
            "note: a database URL is set, so other commands do not use the private PostgreSQL",
        );
    }
    match command {
        DbCommand::Start => start(cx),
        DbCommand::Stop { force } => stop(cx, *force),
        DbCommand::Status => status(cx),
        DbCommand::Url => url(cx),
        DbCommand::Psql(args) => psql(cx, args),
    }
}

fn start(cx: &Context) -> Result<Exit, Error> {
    // The pinned server outlives the handle through which the database is created.
    let info = local_postgres::start_pinned(private_config(&cx.settings, cx.output))?;
    let server = LocalPostgres::open(private_config(&cx.settings, cx.output))?;
    server.ensure_database(PRIVATE_DATABASE)?;
    server.close()?;
    if cx.output.json {
        cx.output.document(&running(cx, &info))?
    } else {
        cx.output.line(&format!(
            "running: {} (pid {}); stop it with `auditrail db stop`",
            info.portable_url(PRIVATE_DATABASE),
            info.pid()
        ))?
    }
    Ok(Exit::Success)
}

fn stop(cx: &Context, force: bool) -> Result<Exit, Error> {
    let mode = if force { StopMode::Fast } else { StopMode::IfUnused };
    let stopped = local_postgres::stop(&cx.settings.data_dir, mode)?;
    match (cx.output.json, stopped) {
        (true, _) => cx.output.document(&json!({"stopped": stopped}))?,
        (false, true) => cx.output.line("stopped")?,
        (false, false) => cx.output.line("not running")?,
    }
    Ok(Exit::Success)
}

fn status(cx: &Context) -> Result<Exit, Error> {
    let dir = &cx.settings.data_dir;
    let status = local_postgres::status(dir)?;
    let (document, text) = match &status {
        Status::Absent => (
            json!({"state": "absent", "data_dir": dir}),
            "not created yet; the first command that needs it creates it".to_owned(),
        ),
        Status::Stopped { major } => (
            json!({"state": "stopped", "data_dir": dir, "major": major}),
            format!("stopped (PostgreSQL {major})"),
        ),
        Status::Changing { pid } => (
            json!({"state": "changing", "data_dir": dir, "pid": pid}),
            "starting or stopping".to_owned(),
        ),
        Status::Running(info) => (running(cx, info), running_text(info)),
        // `Status` is non-exhaustive.
        other => (json!({"state": "unknown", "data_dir": dir}), format!("{other:?}")),
    };
    if cx.output.json {
        cx.output.document(&document)?
    } else {
        cx.output.line(&format!("{}: {text}", dir.display()))?
    }
    Ok(Exit::Success)
}

fn running(cx: &Context, info: &ServerInfo) -> serde_json::Value {
    json!({
        "state": "running",
        "data_dir": cx.settings.data_dir,
        "pid": info.pid(),
        "version": info.version().to_string(),
        "url": info.portable_url(PRIVATE_DATABASE),
        "pinned": info.is_pinned(),
        "in_use": info.is_in_use(),
    })
}

fn running_text(info: &ServerInfo) -> String {
    let lifetime =
        if info.is_pinned() { "until `auditrail db stop`" } else { "while a command uses it" };
    format!(
        "running {lifetime} (PostgreSQL {}, pid {})\n{}",
        info.version(),
        info.pid(),
        info.portable_url(PRIVATE_DATABASE)
    )
}

fn url(cx: &Context) -> Result<Exit, Error> {
    let Status::Running(info) = local_postgres::status(&cx.settings.data_dir)? else {
        return Err(Error::Failed {
            code: "not_running",
            detail: "the private PostgreSQL is not running".to_owned(),
            source: None,
            hint: Some("start it with `auditrail db start`"),
        });
    };
    let url = info.portable_url(PRIVATE_DATABASE);
    if cx.output.json {
        cx.output.document(&json!({"url": url}))?
    } else {
        cx.output.line(&url)?
    }
    Ok(Exit::Success)
}

/// Runs psql as a child process instead of replacing this one, because this process's handle keeps the
/// server running.
fn psql(cx: &Context, args: &PsqlArgs) -> Result<Exit, Error> {
    let server = LocalPostgres::open(private_config(&cx.settings, cx.output))?;
    server.ensure_database(PRIVATE_DATABASE)?;
    let psql = server.installation().psql().ok_or_else(|| Error::Failed {
        code: "no_psql",
        detail: "psql is neither part of this PostgreSQL installation nor on PATH".to_owned(),
        source: None,
        hint: Some("install the client, for example with `apt-get install postgresql-client`"),
    })?;
    let mut command = Command::new(&psql);
    command
        .args(&args.args)
        .env("PGHOST", server.socket_dir())
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", server.superuser())
        .env("PGDATABASE", PRIVATE_DATABASE);
    // These would redirect psql, or add options that a local socket does not need.
    for name in ["PGHOSTADDR", "PGSERVICE", "PGPASSWORD", "PGOPTIONS", "PGSSLMODE"] {
        command.env_remove(name);
    }
    // psql handles Ctrl-C itself, to cancel a query.
    let _signal = cx.ignore_interrupts()?;
    let status = command.status().map_err(Error::io("run", &psql))?;
    server.close()?;
    match status.code() {
        Some(0) => Ok(Exit::Success),
        Some(code) => Err(Error::failed("psql", format!("psql exited with code {code}"))),
        None => Err(Error::failed("psql", format!("psql was terminated: {status}"))),
    }
}
