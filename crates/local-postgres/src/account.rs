//! Which user the server runs as. PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// Users to run as instead of root: the one that packages make for PostgreSQL, else the one with
/// no rights at all. `initdb` needs a user that is in the user database, so a bare number will
/// not do.
const INSTEAD_OF_ROOT: [&str; 2] = ["postgres", "nobody"];

/// The user that `initdb`, `postgres` and the watchdog run as.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) name: String,
    /// Whether we are root, and children have to be started as this user.
    pub(crate) dropping: bool,
}

impl Account {
    /// Chooses for a data directory `dir` that may not exist yet, and its `pg` inside.
    ///
    /// An ordinary user is itself. Root becomes the owner of what is already there, so that a
    /// directory an ordinary user made stays that user's; else one of [`INSTEAD_OF_ROOT`].
    pub(crate) fn choose(dir: &Path, pg: &Path) -> Result<Self, Error> {
        let users = Users::read();
        let me = rustix::process::geteuid().as_raw();
        if me != 0 {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self {
                uid: me,
                gid,
                name: users.name_of(me),
                dropping: false,
            });
        }
        if let Some(owner) = owner_of(pg).filter(|owner| owner.0 != 0) {
            return Ok(users.account(owner));
        }
        if let Some(owner) = owner_of(dir).filter(|owner| owner.0 != 0 && users.knows(owner.0)) {
            return Ok(users.account(owner));
        }
        INSTEAD_OF_ROOT
            .iter()
            .find_map(|name| users.named(name))
            .ok_or(Error::NoAccount)
    }

    /// A command that runs `program` as this user, with nothing of our environment that
    /// PostgreSQL would take for a setting.
    ///
    /// It runs in `/`, because our own working directory may be closed to this user.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir("/");
        for (name, _) in std::env::vars_os() {
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(b"PG") || bytes.starts_with(b"LC_") || bytes == b"LANGUAGE" {
                command.env_remove(&name);
            }
        }
        // Messages in one language, times in one zone, on every machine.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        if self.dropping {
            // As root, this also gives up the supplementary groups.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this user may pass through a directory, by its owner and mode.
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

    /// Refuses when `path` cannot be reached by the user that we run as instead of root.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        if !self.dropping {
            return Ok(());
        }
        let mut way: Vec<&Path> = path.ancestors().filter(|dir| dir.is_dir()).collect();
        way.reverse();
        match way.into_iter().find(|dir| !self.can_pass(dir)) {
            None => Ok(()),
            Some(blocked) => Err(Error::Unreachable {
                path: path.to_owned(),
                blocked: blocked.to_owned(),
                user: self.name.clone(),
            }),
        }
    }
}

/// Owner and group of what is at `path`, if anything is.
pub(crate) fn owner_of(path: &Path) -> Option<(u32, u32)> {
    fs::symlink_metadata(path)
        .ok()
        .map(|meta| (meta.uid(), meta.gid()))
}

/// The local user database: the standard library has no call for it. Users that come from a
/// directory service are not in it and show as numbers.
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
        Some(Account {
            uid,
            gid,
            name: name.to_owned(),
            dropping: true,
        })
    }

    fn knows(&self, uid: u32) -> bool {
        self.all().any(|user| user.1 == uid)
    }

    fn name_of(&self, uid: u32) -> String {
        let known = self
            .all()
            .find(|user| user.1 == uid)
            .map(|user| user.0.to_owned());
        known.unwrap_or_else(|| format!("#{uid}"))
    }

    /// The user that owns something; with its own group where it is known.
    fn account(&self, (uid, gid): (u32, u32)) -> Account {
        let gid = self
            .all()
            .find(|user| user.1 == uid)
            .map_or(gid, |user| user.2);
        Account {
            uid,
            gid,
            name: self.name_of(uid),
            dropping: true,
        }
    }
}
