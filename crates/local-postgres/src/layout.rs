//! The files of a data directory, and their permissions.
//!
//! ```text
//! <dir>/pg/            the cluster (PGDATA); 0700, owned by the user the server runs as
//! <dir>/run/           its socket; 0700, the same owner
//! <dir>/locks/start    held to start, stop or create the cluster
//! <dir>/locks/users    shared by every program that uses the server
//! <dir>/locks/server   held by all processes of the server
//! <dir>/locks/watchdog held by the watchdog
//! <dir>/locks/mode     whether the server stops after its last user, and the delay
//! <dir>/loopback/      files of the loopback listener: `pg_hba.conf`, certificate, key
//! <dir>/postgres.log   the log of the server
//! ```
//!
//! All but the first two belong to the owner of `<dir>`. If root runs the server as another user, that user
//! can read the locks but not replace them. Files are opened without following links, because root must not
//! follow a link of a less trusted user.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::account::{Account, owner_of};
use crate::error::Error;

/// PostgreSQL builds paths in buffers of 1,024 bytes, and appends up to 100 bytes.
const DIR_MAX_BYTES: usize = 900;
/// Maximum bytes of the files that [`read_small`] reads, which have a few lines.
const SMALL_MAX_BYTES: u64 = 64 << 10;
/// For files that a less trusted user may have put there.
const UNTRUSTED: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// An existing data directory, and the user its server runs as.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Absolute and without symbolic links, as the server reports it.
    pub(crate) dir: PathBuf,
    pub(crate) account: Account,
}

impl Layout {
    /// Creates missing parts of the directory, except for the cluster.
    pub(crate) fn prepare(dir: &Path) -> Result<Self, Error> {
        check_path(dir)?;
        if !dir.is_dir() {
            // Checked before anything is created.
            let absolute = std::path::absolute(dir).map_err(Error::io("find", dir))?;
            // Not the directory itself: another program may be creating it.
            let parent = absolute.parent().unwrap_or(&absolute);
            Account::choose(dir, &dir.join("pg"))?.check_reach(parent)?;
            create_data_dir(dir)?;
        }
        let layout = Self::of(dir)?;
        layout.grant_passage()?;
        layout.account.check_reach(&layout.dir)?;
        layout.create_readable_dir(&layout.locks())?;
        Ok(layout)
    }

    /// Creates a directory whose files the server's account can read, but not replace.
    pub(crate) fn create_readable_dir(&self, dir: &Path) -> Result<(), Error> {
        let failed = Error::io("create the directory", dir);
        create_dir(dir, self.owner(), 0o700).map_err(&failed)?;
        let opened = open_dir(dir).map_err(&failed)?;
        self.grant_read(&opened, 0o750).map_err(&failed)
    }

    /// The directory as it is, or `None` if this crate has not used it.
    pub(crate) fn existing(dir: &Path) -> Result<Option<Self>, Error> {
        if !dir.join("locks").is_dir() {
            return Ok(None);
        }
        Self::of(dir).map(Some)
    }

    fn of(dir: &Path) -> Result<Self, Error> {
        let dir = dir.canonicalize().map_err(Error::io("open the data directory", dir))?;
        check_path(&dir)?;
        let pg = dir.join("pg");
        let account = Account::choose(&dir, &pg)?;
        let link = fs::symlink_metadata(&pg).ok().filter(|meta| meta.is_symlink());
        if let Some(link) = link.filter(|link| account.drops_root && link.uid() != 0) {
            let reason = format!("it is a symbolic link of user id {}; replace it", link.uid());
            return Err(Error::Directory { dir: pg, reason });
        }
        let owner = owner_of(&pg).filter(|owner| owner.0 != account.uid);
        // If there is no cluster, a later check reports that; a cluster of another user is not readable.
        let has_no_version = matches!(pg.join("PG_VERSION").try_exists(), Ok(false));
        if let Some((owner, _)) = owner.filter(|_| !has_no_version) {
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

    pub(crate) fn loopback(&self) -> PathBuf {
        self.dir.join("loopback")
    }

    /// Marker of a directory whose server ran with fsync off.
    pub(crate) fn not_durable(&self) -> PathBuf {
        self.dir.join("not-durable")
    }

    /// Opens a regular file for reading and writing, and creates it if it is missing.
    pub(crate) fn open(&self, path: &Path, extra: OFlags) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | UNTRUSTED | extra;
        let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?);
        check_regular(&file)?;
        self.grant_read(&file, 0o640)?;
        Ok(file)
    }

    /// Replaces a file that only the server's account can read: PostgreSQL rejects a private key that others
    /// can read.
    pub(crate) fn write_for_server(&self, path: &Path, text: &str) -> Result<(), Error> {
        let write = || -> io::Result<()> {
            remove(path)?;
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(0o600);
            let mut file = File::from(rustix::fs::open(path, flags, mode)?);
            file.write_all(text.as_bytes())?;
            if self.account.drops_root {
                let (uid, gid) = (self.account.uid, self.account.gid);
                std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
            }
            Ok(())
        };
        write().map_err(Error::io("write", path))
    }

    /// Owner and group of the directory.
    fn owner(&self) -> (u32, u32) {
        owner_of(&self.dir).unwrap_or((self.account.uid, self.account.gid))
    }

    /// Grants the server's account read access to a file or directory. Also if it existed before, because its
    /// creator may have been killed before granting it.
    fn grant_read(&self, file: &File, mode: u32) -> io::Result<()> {
        if !self.account.drops_root {
            return Ok(());
        }
        let meta = file.metadata()?;
        if meta.is_file() && meta.nlink() != 1 {
            // Root must not change the owner of a file that a less trusted user has linked.
            return Err(io::Error::other("the file has more than one link"));
        }
        let owner = self.owner().0;
        if (meta.uid(), meta.gid()) != (owner, self.account.gid) {
            std::os::unix::fs::fchown(file, Some(owner), Some(self.account.gid))?;
        }
        if meta.mode() & 0o777 != mode {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Lets the server's account traverse a directory of root: directories such as those of `mktemp -d` are only
    /// accessible to root.
    fn grant_passage(&self) -> Result<(), Error> {
        let root_owns_it = owner_of(&self.dir).is_some_and(|owner| owner.0 == 0);
        if !self.account.drops_root || !root_owns_it || self.account.can_pass(&self.dir) {
            return Ok(());
        }
        let failed = Error::io("grant PostgreSQL access to", &self.dir);
        let dir = open_dir(&self.dir).map_err(&failed)?;
        let mode = dir.metadata().map_err(&failed)?.mode() & 0o777;
        std::os::unix::fs::fchown(&dir, None, Some(self.account.gid)).map_err(&failed)?;
        dir.set_permissions(fs::Permissions::from_mode(mode | 0o010)).map_err(&failed)
    }
}

/// Reads a file of the server's account, or of the owner of the directory; `None` if it does not exist.
///
/// Root must trust neither with what the path names: links are not followed, pipes and devices are not waited for, and
/// at most [`SMALL_MAX_BYTES`] are read.
pub(crate) fn read_small(path: &Path) -> io::Result<Option<String>> {
    let file = match rustix::fs::open(path, OFlags::RDONLY | UNTRUSTED, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    check_regular(&file)?;
    let mut bytes = Vec::new();
    file.take(SMALL_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL_MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn check_regular(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}

/// Removes a file, if it exists.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Creates a directory with this owner and mode. An existing one is not changed.
pub(crate) fn create_dir(path: &Path, owner: (u32, u32), mode: u32) -> io::Result<()> {
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

/// Opens a directory; fails for a link or another file.
pub(crate) fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Creates the data directory, private to its owner. Parents created by root are traversable, for the
/// server's account.
fn create_data_dir(dir: &Path) -> Result<(), Error> {
    let failed = Error::io("create the data directory", dir);
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

fn check_path(dir: &Path) -> Result<(), Error> {
    let reject =
        |reason: &str| Err(Error::Directory { dir: dir.to_owned(), reason: reason.to_owned() });
    let Some(text) = dir.to_str() else {
        return reject("its path is not valid UTF-8");
    };
    if text.is_empty() {
        return reject("the path is empty");
    }
    // PostgreSQL stores the path on a line of its files.
    if text.contains(char::is_control) {
        return reject("its path contains a control character");
    }
    if text.len() > DIR_MAX_BYTES {
        return reject("its path is longer than PostgreSQL allows (900 bytes)");
    }
    if dir.join("PG_VERSION").exists() {
        return reject(
            "it is itself a PostgreSQL cluster; specify a directory whose `pg` can contain one",
        );
    }
    if dir.exists() && !dir.is_dir() {
        return reject("it is not a directory");
    }
    Ok(())
}
