//! The cluster: the directory that `initdb` creates for one major version.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::config::Durability;
use crate::error::Error;
use crate::install::Installation;
use crate::layout::{Layout, create_dir, open_dir, read_small};
use crate::lock::LockFile;
use crate::log::Log;
use crate::wait;

/// Name of the superuser, the usual one.
pub(crate) const SUPERUSER: &str = "postgres";
/// `initdb` takes 1 to 4 seconds, most of it syncing; the limit allows for a very slow disk.
const INITDB_TIMEOUT: Duration = Duration::from_secs(180);
/// Prefix of the names of unfinished clusters.
const TEMPORARY_PREFIX: &str = "pg.init-";

/// The major version of the cluster, or `None` if there is no cluster.
pub(crate) fn major(layout: &Layout) -> Result<Option<u16>, Error> {
    let pg = layout.pg();
    match fs::symlink_metadata(&pg) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", &pg)(error)),
        Ok(_) => {}
    }
    let invalid = |reason: &str| Error::Directory { dir: pg.clone(), reason: reason.to_owned() };
    let file = pg.join("PG_VERSION");
    let Some(text) = read_small(&file).map_err(Error::io("read", &file))? else {
        return Err(invalid(
            "it exists but is not a PostgreSQL cluster (no PG_VERSION); move it to another place",
        ));
    };
    let number = text.trim().split('.').next().and_then(|number| number.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| invalid("its PG_VERSION is not a number, so the cluster is damaged"))
}

/// Creates a cluster with `initdb`, and renames it to its final path once it is complete.
///
/// The caller holds the lock `server`; `initdb` inherits it, so that an `initdb` that outlives this process
/// keeps the lock until it ends.
pub(crate) fn create(
    layout: &Layout,
    installation: &Installation,
    durability: Durability,
    server: &LockFile,
) -> Result<(), Error> {
    remove_unfinished(layout)?;
    let unfinished = layout.dir.join(format!("{TEMPORARY_PREFIX}{}", std::process::id()));
    let account = &layout.account;
    create_dir(&unfinished, (account.uid, account.gid), 0o700)
        .map_err(Error::io("create the directory", &unfinished))?;
    let log = Log::open(layout)?;

    let mut last_status = None;
    for locale in locales(installation) {
        let status = initdb(layout, installation, durability, server, &unfinished, locale, &log)?;
        let is_successful = status.is_some_and(|status| status.success());
        last_status = status;
        // Only a missing locale justifies another attempt.
        if is_successful || !log.tail().contains("locale") {
            break;
        }
    }
    if !last_status.is_some_and(|status| status.success()) {
        let output = log.tail();
        remove_unfinished(layout)?;
        return Err(Error::Initdb {
            dir: layout.pg(),
            status: last_status,
            output: with_hint(output),
        });
    }
    let pg = layout.pg();
    fs::rename(&unfinished, &pg).map_err(Error::io("rename the new cluster to", &pg))?;
    open_dir(&layout.dir)
        .and_then(|dir| dir.sync_all())
        .map_err(Error::io("write to disk", &layout.dir))
}

/// Runs `initdb` once. Returns `None` after a timeout, when it was killed.
fn initdb(
    layout: &Layout,
    installation: &Installation,
    durability: Durability,
    server: &LockFile,
    into: &Path,
    locale: &[&str],
    log: &Log,
) -> Result<Option<ExitStatus>, Error> {
    let program = installation.bin_dir().join("initdb");
    let failed = Error::io("run", &program);
    let handle: File = server.handle().map_err(&failed)?;
    let mut command = layout.account.command(&program);
    command
        .arg("--pgdata")
        .arg(into)
        .args(["--username", SUPERUSER, "--encoding", "UTF8", "--data-checksums"])
        .args(["--auth-local", "trust", "--auth-host", "reject", "--no-instructions"])
        .args(locale)
        .stdin(Stdio::from(handle))
        .stdout(log.writer(&layout.log())?)
        .stderr(log.writer(&layout.log())?);
    if durability == Durability::NoFsyncForTests {
        command.arg("--no-sync");
    }
    let started = Instant::now();
    let mut child = command.spawn().map_err(&failed)?;
    let status = wait::until(INITDB_TIMEOUT, || child.try_wait()).map_err(&failed)?;
    if status.is_none() {
        child.kill().and_then(|()| child.wait()).map_err(&failed)?;
        debug_assert!(started.elapsed() >= INITDB_TIMEOUT, "killed before the timeout");
    }
    Ok(status)
}

/// The locale arguments to try, best first. All sort by code point, so that indexes do not depend on the C
/// library; they differ in case conversion.
fn locales(installation: &Installation) -> &'static [&'static [&'static str]] {
    if installation.version().major >= 17 {
        &[
            &["--locale-provider=builtin", "--locale=C.UTF-8"],
            &["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"],
        ]
    } else {
        &[&["--locale=C.UTF-8"], &["--locale=C"]]
    }
}

/// Removes the unfinished clusters of killed `initdb` processes.
fn remove_unfinished(layout: &Layout) -> Result<(), Error> {
    for path in unfinished(layout)? {
        fs::remove_dir_all(&path).map_err(Error::io("remove the unfinished cluster", &path))?;
    }
    Ok(())
}

fn unfinished(layout: &Layout) -> Result<Vec<PathBuf>, Error> {
    let failed = Error::io("list", &layout.dir);
    let mut paths = Vec::new();
    for entry in layout.dir.read_dir().map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// Adds a hint to a message of `initdb` that lacks one.
fn with_hint(output: String) -> String {
    if output.contains("could not look up effective user ID") {
        return format!(
            "{output}\nThis user is not in the user database. Add a line for it to /etc/passwd, or run as another user."
        );
    }
    output
}
