//! The local users and groups.

use std::fs;

/// Whether only this user is in a group, so that a file that the group can write is this user's alone.
///
/// With the umask 002, as some distributions have it for ordinary users, files of a user can be written by the
/// user's private group. Groups that are not in the local files do not count as private.
pub(super) fn is_private_group(gid: u32) -> bool {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let user = rustix::process::geteuid().as_raw();
    user != 0 && is_private(&text("/etc/passwd"), &text("/etc/group"), user, gid)
}

fn is_private(passwd: &str, group: &str, user: u32, gid: u32) -> bool {
    let users = || {
        passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid: u32 = fields.nth(1)?.parse().ok()?;
            let primary: u32 = fields.next()?.parse().ok()?;
            Some((name, uid, primary))
        })
    };
    let mut in_group = users().filter(|(.., primary)| *primary == gid).peekable();
    if in_group.peek().is_none() || in_group.any(|(_, uid, _)| uid != user) {
        return false;
    }
    let names: Vec<&str> =
        users().filter(|(_, uid, _)| *uid == user).map(|(name, ..)| name).collect();
    let mut groups = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut is_known = false;
    let is_only_member = groups.all(|fields| {
        let [_, _, number, members, ..] = fields[..] else {
            return true;
        };
        if number.parse() != Ok(gid) {
            return true;
        }
        is_known = true;
        members.split(',').all(|name| name.is_empty() || names.contains(&name))
    });
    is_known && is_only_member
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nsync:x:5:0::/:/bin/sync\n\
        ana:x:1000:1000::/h/ana:/bin/sh\nben:x:1001:1001::/h/ben:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nana:x:1000:\nben:x:1001:ana,ben\nstaff:x:50:ana\nbroken\n";

    #[test]
    fn only_a_group_of_one_user_is_private() {
        assert!(is_private(PASSWD, GROUP, 1000, 1000));
        assert!(!is_private(PASSWD, GROUP, 1001, 1001), "ana is a member");
        assert!(!is_private(PASSWD, GROUP, 1000, 50), "not a primary group");
        assert!(!is_private(PASSWD, GROUP, 1000, 1001), "the group of another user");
        assert!(!is_private(PASSWD, GROUP, 0, 0), "sync has the group root");
        assert!(!is_private("", "", 1000, 1000), "nothing is known");
        assert!(!is_private(PASSWD, "", 1000, 1000), "the group is not local");
        let own = "ana:x:1000:ana\n";
        assert!(is_private(PASSWD, own, 1000, 1000));
    }
}
