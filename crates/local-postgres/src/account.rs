//! The user that the server runs as. PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// The user to run as instead of root: the one that packages create for PostgreSQL. `initdb` requires a user of the
/// user database, so a bare uid is not enough. Not `nobody`: other daemons that run as it could change the data.
const SERVER_USER: &str = "postgres";

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
    /// the directory of an ordinary user stays accessible to that user; otherwise [`SERVER_USER`].
    pub(crate) fn choose(dir: &Path, pg: &Path) -> Result<Self, Error> {
        let users = Users::read();
        if let Some(current) = Self::current(&users) {
            return Ok(current);
        }
        if let Some(owner) = owner_of(pg).filter(|owner| owner.0 != 0) {
            return Ok(users.account(owner));
        }
        if let Some(owner) = owner_of(dir).filter(|owner| owner.0 != 0 && users.knows(owner.0)) {
            return Ok(users.account(owner));
        }
        users.server_user().ok_or(Error::NoAccount)
    }

    /// The account of a server without a data directory yet.
    pub(crate) fn without_directory() -> Result<Self, Error> {
        let users = Users::read();
        Self::current(&users).or_else(|| users.server_user()).ok_or(Error::NoAccount)
    }

    /// The current user, unless that is root.
    fn current(users: &Users) -> Option<Self> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        (uid != 0).then(|| Self { uid, gid, name: users.name_of(uid), drops_root: false })
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

    fn server_user(&self) -> Option<Account> {
        let (name, uid, gid) = self.all().find(|user| user.0 == SERVER_USER && user.1 != 0)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_does_not_replace_root() {
        let nobody = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
        assert!(Users(nobody.to_owned()).server_user().is_none());
        assert!(Users("postgres:x:0:0::/:/bin/sh\n".to_owned()).server_user().is_none());
        let packaged = format!("{nobody}postgres:x:101:104::/:/bin/sh\n");
        let account = Users(packaged).server_user().map(|account| (account.uid, account.gid));
        assert_eq!(account, Some((101, 104)));
        let text = Error::NoAccount.to_string();
        assert!(text.contains("useradd --system postgres"), "{text}");
    }
}
