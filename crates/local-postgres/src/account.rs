//! The user that the server runs as. PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// Users to run as instead of root: the one that packages create for PostgreSQL, or the one without
/// privileges. `initdb` requires a user of the user database, so a bare uid is not enough.
const UNPRIVILEGED_USERS: [&str; 2] = ["postgres", "nobody"];

/// The user that `initdb`, `postgres` and the watchdog run as.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) name: String,
    /// Whether this process is root, and starts children as this user.
    pub(crate) drops_root: bool,
}

impl Account {
    /// Chooses the account for a data directory `dir`, which may not exist yet, and its `pg` inside.
    ///
    /// Without root, the current user. With root, the owner of the existing cluster or directory, so that
    /// the directory of an ordinary user stays accessible to that user; otherwise one of [`UNPRIVILEGED_USERS`].
    pub(crate) fn choose(dir: &Path, pg: &Path) -> Result<Self, Error> {
        let users = Users::read();
        let me = rustix::process::geteuid().as_raw();
        if me != 0 {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { uid: me, gid, name: users.name_of(me), drops_root: false });
        }
        if let Some(owner) = owner_of(pg).filter(|owner| owner.0 != 0) {
            return Ok(users.account(owner));
        }
        if let Some(owner) = owner_of(dir).filter(|owner| owner.0 != 0 && users.knows(owner.0)) {
            return Ok(users.account(owner));
        }
        UNPRIVILEGED_USERS.iter().find_map(|name| users.named(name)).ok_or(Error::NoAccount)
    }

    /// A command that runs `program` as this user, without environment variables that PostgreSQL reads as
    /// settings.
    ///
    /// Its working directory is `/`, because this user may not have access to the current one.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir("/");
        for (name, _) in std::env::vars_os() {
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(b"PG") || bytes.starts_with(b"LC_") || bytes == b"LANGUAGE" {
                command.env_remove(&name);
            }
        }
        // The same language of messages and time zone on every machine.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        if self.drops_root {
            // As root, this also drops the supplementary groups.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this user may traverse a directory, by its owner and mode.
    pub(crate) fn can_pass(&self, dir: &Path) -> bool {
        let Ok(meta) = fs::metadata(dir) else {
            return false;
        };
        let bit = if meta.uid() == self.uid {
            0o100
        } else if meta.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        meta.mode() & bit != 0
    }

    /// Fails if the user that replaces root has no access to `path`.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        if !self.drops_root {
            return Ok(());
        }
        let mut ancestors: Vec<&Path> = path.ancestors().filter(|dir| dir.is_dir()).collect();
        ancestors.reverse();
        match ancestors.into_iter().find(|dir| !self.can_pass(dir)) {
            None => Ok(()),
            Some(blocked) => Err(Error::Unreachable {
                path: path.to_owned(),
                blocked: blocked.to_owned(),
                user: self.name.clone(),
            }),
        }
    }
}

/// Owner and group of `path`, if it exists.
pub(crate) fn owner_of(path: &Path) -> Option<(u32, u32)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.uid(), meta.gid()))
}

/// The local user database, for which the standard library has no API. Users of a directory service are
/// not in it and are shown by uid.
struct Users(String);

impl Users {
    fn read() -> Self {
        Self(fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    /// Name, user id and group id of each user.
    fn all(&self) -> impl Iterator<Item = (&str, u32, u32)> {
        self.0.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some((name, uid, gid))
        })
    }

    fn named(&self, name: &str) -> Option<Account> {
        let (name, uid, gid) = self.all().find(|user| user.0 == name && user.1 != 0)?;
        Some(Account { uid, gid, name: name.to_owned(), drops_root: true })
    }

    fn knows(&self, uid: u32) -> bool {
        self.all().any(|user| user.1 == uid)
    }

    fn name_of(&self, uid: u32) -> String {
        let known = self.all().find(|user| user.1 == uid).map(|user| user.0.to_owned());
        known.unwrap_or_else(|| format!("#{uid}"))
    }

    /// The account of an owner; with the primary group of the user, if known.
    fn account(&self, (uid, gid): (u32, u32)) -> Account {
        let gid = self.all().find(|user| user.1 == uid).map_or(gid, |user| user.2);
        Account { uid, gid, name: self.name_of(uid), drops_root: true }
    }
}
