//! The cluster: the directory that `initdb` makes and that one major version can read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::config::Durability;
use crate::error::Error;
use crate::install::Installation;
use crate::layout::{Layout, make_dir, open_dir};
use crate::lock::LockFile;
use crate::log::Log;
use crate::wait;

/// Name of the superuser: the one every tool and every guide expects.
pub(crate) const SUPERUSER: &str = "postgres";
/// `initdb` takes 1 to 4 seconds, most of it syncing; this is for a very slow disk.
const INITDB_TIMEOUT: Duration = Duration::from_secs(180);
/// Begin of the names of clusters in the making.
const UNFINISHED: &str = "pg.init-";

/// The major version that made the cluster, or `None` when there is none yet.
pub(crate) fn major(layout: &Layout) -> Result<Option<u16>, Error> {
    let pg = layout.pg();
    match fs::symlink_metadata(&pg) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", &pg)(error)),
        Ok(_) => {}
    }
    let not_one = |reason: &str| Error::Directory {
        dir: pg.clone(),
        reason: reason.to_owned(),
    };
    let file = pg.join("PG_VERSION");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(not_one(
                "it is there, but it is not a PostgreSQL cluster (no PG_VERSION); move it away",
            ));
        }
        Err(error) => return Err(Error::io("read", &file)(error)),
    };
    let number = text
        .trim()
        .split('.')
        .next()
        .and_then(|number| number.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| not_one("its PG_VERSION is not a number, so the cluster is damaged"))
}

/// Runs `initdb`, and puts the cluster in place only when it is complete.
///
/// `server` is the server's lock, held by us: `initdb` gets a handle, so that one that outlives
/// us keeps everybody else away until it has ended.
pub(crate) fn make(
    layout: &Layout,
    installation: &Installation,
    durability: Durability,
    server: &LockFile,
) -> Result<(), Error> {
    remove_unfinished(layout)?;
    let unfinished = layout
        .dir
        .join(format!("{UNFINISHED}{}", std::process::id()));
    let account = &layout.account;
    make_dir(&unfinished, (account.uid, account.gid), 0o700)
        .map_err(Error::io("make the directory", &unfinished))?;
    let log = Log::open(layout)?;

    let mut ended = None;
    for locale in locales(installation) {
        let attempt = initdb(
            layout,
            installation,
            durability,
            server,
            &unfinished,
            locale,
            &log,
        )?;
        let done = attempt.is_some_and(|status| status.success());
        ended = attempt;
        // Only a missing locale is worth another attempt.
        if done || !log.tail().contains("locale") {
            break;
        }
    }
    if !ended.is_some_and(|status| status.success()) {
        let output = log.tail();
        remove_unfinished(layout)?;
        return Err(Error::Initdb {
            dir: layout.pg(),
            status: ended,
            output: hinted(output),
        });
    }
    let pg = layout.pg();
    fs::rename(&unfinished, &pg).map_err(Error::io("put in place", &pg))?;
    open_dir(&layout.dir)
        .and_then(|dir| dir.sync_all())
        .map_err(Error::io("write to disk", &layout.dir))
}

/// Runs `initdb` once. `None`: it took too long and was stopped.
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
        .args([
            "--username",
            SUPERUSER,
            "--encoding",
            "UTF8",
            "--data-checksums",
        ])
        .args([
            "--auth-local",
            "trust",
            "--auth-host",
            "reject",
            "--no-instructions",
        ])
        .args(locale)
        .stdin(Stdio::from(handle))
        .stdout(log.writer(&layout.log())?)
        .stderr(log.writer(&layout.log())?);
    if durability == Durability::NoFsyncForTests {
        command.arg("--no-sync");
    }
    let begun = Instant::now();
    let mut child = command.spawn().map_err(&failed)?;
    let status = wait::until(INITDB_TIMEOUT, || child.try_wait()).map_err(&failed)?;
    if status.is_none() {
        child.kill().and_then(|()| child.wait()).map_err(&failed)?;
        debug_assert!(begun.elapsed() >= INITDB_TIMEOUT, "stopped too early");
    }
    Ok(status)
}

/// The locale arguments to try, best first. All sort by code point, so that an index does not
/// change its meaning with the C library; they differ in what they know of upper and lower case.
fn locales(installation: &Installation) -> &'static [&'static [&'static str]] {
    if installation.version().major >= 17 {
        &[
            &["--locale-provider=builtin", "--locale=C.UTF-8"],
            &[
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            ],
        ]
    } else {
        &[&["--locale=C.UTF-8"], &["--locale=C"]]
    }
}

/// Removes what an `initdb` that was killed has left.
fn remove_unfinished(layout: &Layout) -> Result<(), Error> {
    for path in unfinished(layout)? {
        fs::remove_dir_all(&path).map_err(Error::io("remove the unfinished", &path))?;
    }
    Ok(())
}

fn unfinished(layout: &Layout) -> Result<Vec<PathBuf>, Error> {
    let failed = Error::io("list", &layout.dir);
    let mut paths = Vec::new();
    for entry in layout.dir.read_dir().map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// Adds what to do to the one message of `initdb` that does not say it.
fn hinted(output: String) -> String {
    if output.contains("could not look up effective user ID") {
        return format!(
            "{output}\nThis user is not in the user database. Add a line for it to /etc/passwd, or run as another user."
        );
    }
    output
}
