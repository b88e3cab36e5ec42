//! `log-key`: manages the key that signs checkpoints.

mod record;

use std::path::{Path, PathBuf};

use auditrail_core::Actor;
use auditrail_signer::{KeyFile, Signer, create};
use auditrail_store::tree::SignerSession;
use serde_json::json;
use tlog::{Checkpoint, KeyName, VerifierKey};

use record::{Change, record};

use super::hold::actor;
use crate::cli::{
    GlobalArgs, LogKeyArgs, LogKeyCommand, LogKeyCreateArgs, LogKeyRecoverArgs, LogKeyShowArgs,
};
use crate::config::Settings;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;

/// The file in the data directory of a private PostgreSQL.
const PRIVATE_FILE: &str = "signing.key";

/// Runs the subcommand.
pub(super) fn run(
    cx: &Context,
    flags: &GlobalArgs,
    command: &LogKeyCommand,
) -> Result<Exit, Error> {
    match command {
        LogKeyCommand::Create(args) => new(cx, flags, args),
        LogKeyCommand::Show(args) => show(cx, flags, args),
        LogKeyCommand::Rotate(args) => rotate(cx, flags, args),
        LogKeyCommand::Retire(args) => retire(cx, flags, args),
        LogKeyCommand::Recover(args) => recover(cx, flags, args),
    }
}

fn new(cx: &Context, flags: &GlobalArgs, args: &LogKeyCreateArgs) -> Result<Exit, Error> {
    let actor = actor("--actor", args.key.actor.as_ref())?;
    let path = path(cx, flags, args.key.signing_key_file.as_deref())?;
    let given = args.origin.as_deref().map(origin).transpose()?;
    let verifier = cx.with_database(async |database| {
        let origin = match given.clone() {
            Some(origin) => origin,
            None => default_origin(database).await?,
        };
        let verifier = create(&path, &origin)?;
        record_new(database, &actor, &path, &verifier).await?;
        Ok(verifier)
    })?;
    cx.output.note(&format!("created the signing key {}", path.display()));
    print(cx, &verifier)
}

fn rotate(cx: &Context, flags: &GlobalArgs, args: &LogKeyArgs) -> Result<Exit, Error> {
    let actor = actor("--actor", args.actor.as_ref())?;
    let path = path(cx, flags, args.signing_key_file.as_deref())?;
    let verifier = cx.with_database(async |database| {
        database.check_connection().await?;
        let verifier = Signer::new(&path).lock()?.rotate()?;
        record(database, &actor, Change::Rotated, &verifier).await?;
        Ok(verifier)
    })?;
    cx.output.note("added a key; the others sign too until `auditrail log-key retire`");
    print(cx, &verifier)
}

fn retire(cx: &Context, flags: &GlobalArgs, args: &LogKeyArgs) -> Result<Exit, Error> {
    let actor = actor("--actor", args.actor.as_ref())?;
    let path = path(cx, flags, args.signing_key_file.as_deref())?;
    let retired = cx.with_database(async |database| {
        database.check_connection().await?;
        let retired = Signer::new(&path).lock()?.retire()?;
        for verifier in &retired {
            record(database, &actor, Change::Retired, verifier).await?;
        }
        Ok(retired)
    })?;
    if cx.output.json {
        let keys: Vec<String> = retired.iter().map(ToString::to_string).collect();
        cx.output.document(&json!({"retired": keys}))?;
    } else if retired.is_empty() {
        cx.output.line("there is one key only")?;
    }
    for verifier in retired.iter().filter(|_| !cx.output.json) {
        cx.output.line(&format!("retired {verifier}"))?;
    }
    Ok(Exit::Success)
}

fn recover(cx: &Context, flags: &GlobalArgs, args: &LogKeyRecoverArgs) -> Result<Exit, Error> {
    let actor = actor("--actor", args.key.actor.as_ref())?;
    let path = path(cx, flags, args.key.signing_key_file.as_deref())?;
    let origin = origin(&args.new_origin)?;
    let recovered = cx.with_database(async |database| {
        database.check_connection().await?;
        let recovered = Signer::new(&path).recover(&origin)?;
        let last = recovered.last.as_ref().map(ToString::to_string);
        let change = Change::Recovered { last: last.as_deref() };
        record(database, &actor, change, &recovered.verifier).await?;
        Ok(recovered)
    })?;
    let kept = recovered.kept.display();
    cx.output.note(&format!("the old key is now {kept}; keep it with its .signed file"));
    print(cx, &recovered.verifier)
}

fn show(cx: &Context, flags: &GlobalArgs, args: &LogKeyShowArgs) -> Result<Exit, Error> {
    let path = path(cx, flags, args.signing_key_file.as_deref())?;
    let signing = Signer::new(&path).lock()?;
    let (verifiers, last) = (signing.verifiers(), signing.last());
    if args.policy {
        let lines = verifiers.iter().map(|key| format!("log {key}\n")).collect::<String>();
        cx.output.line(&format!("{lines}quorum none"))?;
    } else if cx.output.json {
        let keys: Vec<String> = verifiers.iter().map(ToString::to_string).collect();
        cx.output.document(&json!({
            "file": path,
            "origin": last.origin(),
            "verifier_keys": keys,
            "size": last.size(),
            "root": last.root().to_string(),
        }))?;
    } else {
        cx.output.line(&summary(last))?;
        for verifier in &verifiers {
            cx.output.line(&verifier.to_string())?;
        }
    }
    Ok(Exit::Success)
}

fn summary(last: &Checkpoint) -> String {
    match last.size() {
        0 => format!("{}: no checkpoint was signed", last.origin()),
        size => format!("{}: the last checkpoint has {size} entries", last.origin()),
    }
}

/// Prints a public key.
fn print(cx: &Context, verifier: &VerifierKey) -> Result<Exit, Error> {
    if cx.output.json {
        let (origin, key) = (verifier.name().as_str(), verifier.to_string());
        cx.output.document(&json!({"origin": origin, "verifier_key": key}))?;
    } else {
        cx.output.line(&verifier.to_string())?;
    }
    Ok(Exit::Success)
}

/// The file of the flag or the setting, else the one of the private PostgreSQL.
fn path(cx: &Context, flags: &GlobalArgs, flag: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = Settings::signing_key_file(flags, flag)? {
        return Ok(path);
    }
    private_path(cx).ok_or_else(|| {
        Error::Usage(
            "name the file of the signing key with --signing-key-file or AUDITRAIL_SIGNING_KEY_FILE"
                .to_owned(),
        )
    })
}

/// The file of the private PostgreSQL; none with a database URL.
pub(super) fn private_path(cx: &Context) -> Option<PathBuf> {
    let is_private = cx.settings.database_url.is_none();
    is_private.then(|| cx.settings.data_dir.join(PRIVATE_FILE))
}

/// Records a new key, or removes it: nothing was signed with it.
pub(super) async fn record_new(
    database: &Database,
    actor: &Actor,
    path: &Path,
    verifier: &VerifierKey,
) -> Result<(), Error> {
    record(database, actor, Change::Created, verifier).await.inspect_err(|_| {
        drop(std::fs::remove_file(path));
        drop(std::fs::remove_file(with_ending(path, ".signed")));
    })
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The name of the log if none is given.
pub(super) async fn default_origin(database: &Database) -> Result<KeyName, Error> {
    let mut session: SignerSession = database.signer_session().await?;
    let log_id = session.log_id().await?;
    session.close().await;
    origin(&format!("auditrail/{log_id}"))
}

fn origin(text: &str) -> Result<KeyName, Error> {
    text.parse().map_err(|error| Error::Usage(format!("the name of the log is not valid: {error}")))
}

/// Checks that the keys of a file and their memory can be used.
pub(super) fn check(path: &Path) -> Result<KeyFile, Error> {
    drop(Signer::new(path).lock()?);
    Ok(KeyFile::open(path)?)
}
