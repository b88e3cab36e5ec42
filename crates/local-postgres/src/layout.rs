//! What is where below the data directory, and who may touch it.
//!
//! ```text
//! <dir>/pg/            the cluster (PGDATA); 0700, owned by the user the server runs as
//! <dir>/run/           its socket; 0700, the same owner
//! <dir>/locks/start    held while somebody starts, stops or makes the cluster
//! <dir>/locks/users    shared by every program that uses the server
//! <dir>/locks/server   held by the server's own processes, all of them
//! <dir>/locks/watchdog held by the watchdog
//! <dir>/locks/mode     whether the server goes away with its last user, and how long after
//! <dir>/postgres.log   what the server says
//! <dir>/loopback_hba.conf  who may connect to a server with a TCP port, which only tests have
//! ```
//!
//! Everything but the first two belongs to the owner of `<dir>`. When root runs the server as
//! another user, that user can read the locks but not replace them: root must not follow a link
//! that a less trusted user has put in place, so files are opened without following links.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::account::{Account, owner_of};
use crate::error::Error;

/// PostgreSQL builds paths in buffers of 1,024 bytes, and puts up to 100 bytes after ours.
const LONGEST_DIR: usize = 900;

/// A data directory that exists, and the user its server runs as.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Absolute and without symbolic links, so that it equals what the server reports.
    pub(crate) dir: PathBuf,
    pub(crate) account: Account,
}

impl Layout {
    /// Makes whatever is missing of the directory, apart from the cluster itself.
    pub(crate) fn prepare(dir: &Path) -> Result<Self, Error> {
        refuse_unsuitable(dir)?;
        if !dir.is_dir() {
            // Before anything is made in a place that turns out to be of no use.
            let absolute = std::path::absolute(dir).map_err(Error::io("find", dir))?;
            // Not the directory itself: another program may just be making it.
            let parent = absolute.parent().unwrap_or(&absolute);
            Account::choose(dir, &dir.join("pg"))?.check_reach(parent)?;
            make_dirs(dir)?;
        }
        let layout = Self::of(dir)?;
        layout.open_to_account()?;
        layout.account.check_reach(&layout.dir)?;
        let locks = layout.locks();
        let failed = Error::io("make the directory", &locks);
        make_dir(&locks, layout.keeper(), 0o700).map_err(&failed)?;
        let opened = open_dir(&locks).map_err(&failed)?;
        layout.show_account(&opened, 0o750).map_err(&failed)?;
        Ok(layout)
    }

    /// The directory as it is, or `None` when there is nothing of ours in it.
    pub(crate) fn existing(dir: &Path) -> Result<Option<Self>, Error> {
        if !dir.join("locks").is_dir() {
            return Ok(None);
        }
        Self::of(dir).map(Some)
    }

    fn of(dir: &Path) -> Result<Self, Error> {
        let dir = dir.canonicalize().map_err(Error::io("open the data directory", dir))?;
        refuse_unsuitable(&dir)?;
        let pg = dir.join("pg");
        let account = Account::choose(&dir, &pg)?;
        let owner = owner_of(&pg).filter(|owner| owner.0 != account.uid);
        // What is no cluster is refused for that; one of somebody else cannot be looked into.
        let is_no_cluster = matches!(pg.join("PG_VERSION").try_exists(), Ok(false));
        if let Some((owner, _)) = owner.filter(|_| !is_no_cluster) {
            let reason = format!(
                "it belongs to another user (user id {owner}), and this program runs as {}; run it as that user or as root",
                account.name
            );
            return Err(Error::Directory { dir: pg, reason });
        }
        Ok(Self { dir, account })
    }

    pub(crate) fn pg(&self) -> PathBuf {
        self.dir.join("pg")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.dir.join("run")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.dir.join("locks")
    }

    /// Who may connect to a server with a loopback port.
    pub(crate) fn loopback_rules(&self) -> PathBuf {
        self.dir.join("loopback_hba.conf")
    }

    /// Marks a directory whose server ran with fsync off.
    pub(crate) fn not_durable(&self) -> PathBuf {
        self.dir.join("not-durable")
    }

    /// Opens a file of ours for reading and writing, and makes it when it is missing.
    pub(crate) fn open(&self, path: &Path, extra: OFlags) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | extra;
        let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?);
        self.show_account(&file, 0o640)?;
        Ok(file)
    }

    /// Owner and group of what is in the directory.
    fn keeper(&self) -> (u32, u32) {
        owner_of(&self.dir).unwrap_or((self.account.uid, self.account.gid))
    }

    /// Lets the user that we run the server as read a file or directory of ours. Also one that
    /// was there before, because whoever made it may have been killed right after.
    fn show_account(&self, file: &File, mode: u32) -> io::Result<()> {
        if !self.account.dropping {
            return Ok(());
        }
        let meta = file.metadata()?;
        if meta.is_file() && meta.nlink() != 1 {
            // Root must not give away what a less trusted user has linked to here.
            return Err(io::Error::other("it is a file that also has another name"));
        }
        let owner = self.keeper().0;
        if (meta.uid(), meta.gid()) != (owner, self.account.gid) {
            std::os::unix::fs::fchown(file, Some(owner), Some(self.account.gid))?;
        }
        if meta.mode() & 0o777 != mode {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Lets the user that the server runs as pass through a directory of root's: a directory
    /// that root makes for itself (`mktemp -d`) is closed to everybody else.
    fn open_to_account(&self) -> Result<(), Error> {
        let root_owns_it = owner_of(&self.dir).is_some_and(|owner| owner.0 == 0);
        if !self.account.dropping || !root_owns_it || self.account.can_pass(&self.dir) {
            return Ok(());
        }
        let failed = Error::io("let PostgreSQL into", &self.dir);
        let dir = open_dir(&self.dir).map_err(&failed)?;
        let mode = dir.metadata().map_err(&failed)?.mode() & 0o777;
        std::os::unix::fs::fchown(&dir, None, Some(self.account.gid)).map_err(&failed)?;
        dir.set_permissions(fs::Permissions::from_mode(mode | 0o010)).map_err(&failed)
    }
}

/// Makes a directory with this owner and mode. One that is already there keeps its own.
pub(crate) fn make_dir(path: &Path, owner: (u32, u32), mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Fails for a file or a link.
            open_dir(path).map(drop)
        }
        Err(error) => Err(error),
        Ok(()) => {
            let dir = open_dir(path)?;
            if rustix::process::geteuid().is_root() {
                std::os::unix::fs::fchown(&dir, Some(owner.0), Some(owner.1))?;
            }
            dir.set_permissions(fs::Permissions::from_mode(mode))
        }
    }
}

/// Opens a directory, and nothing that is merely called like it.
pub(crate) fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Makes the data directory, private to its owner. Missing parents that root makes stay open, so
/// that the user the server runs as can pass.
fn make_dirs(dir: &Path) -> Result<(), Error> {
    let failed = Error::io("make the data directory", dir);
    let root = rustix::process::geteuid().is_root();
    if let Some(parent) = dir.parent() {
        let mode = if root { 0o755 } else { 0o700 };
        fs::DirBuilder::new().recursive(true).mode(mode).create(parent).map_err(&failed)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

fn refuse_unsuitable(dir: &Path) -> Result<(), Error> {
    let refuse =
        |reason: &str| Err(Error::Directory { dir: dir.to_owned(), reason: reason.to_owned() });
    let Some(text) = dir.to_str() else {
        return refuse("its path is not valid UTF-8");
    };
    if text.is_empty() {
        return refuse("the path is empty");
    }
    // PostgreSQL's own files hold the path on a line of its own.
    if text.contains(char::is_control) {
        return refuse("its path contains a control character");
    }
    if text.len() > LONGEST_DIR {
        return refuse("its path is longer than PostgreSQL allows (900 bytes)");
    }
    if dir.join("PG_VERSION").exists() {
        return refuse(
            "it is itself a PostgreSQL cluster; name a directory that can hold one in `pg`",
        );
    }
    if dir.exists() && !dir.is_dir() {
        return refuse("it is not a directory");
    }
    Ok(())
}
