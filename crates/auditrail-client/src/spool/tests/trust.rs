//! Spools that another user could have written to.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Event, MAX_BYTES, RecordingObserver, add, open};
use crate::spool::{DeadLetter, Spool, SpoolOpenError};

/// A user other than the one of the tests.
const STRANGER: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Why the spool is refused; panics if it is not.
fn refusal(directory: &Path) -> String {
    let (sender, _) = mpsc::channel();
    match Spool::open(directory, MAX_BYTES, MAX_BYTES, RecordingObserver(sender)) {
        Err(SpoolOpenError::Unsafe { reason }) => reason,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("{} was opened", directory.display()),
    }
}

fn spool_in(parent: &tempfile::TempDir) -> PathBuf {
    let directory = parent.path().join("spool");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    directory
}

#[test]
fn directory_that_others_can_write_is_refused() {
    for mode in [0o777, 0o1777, 0o770, 0o720, 0o702, 0o2775] {
        let parent = tempfile::tempdir().unwrap();
        let directory = spool_in(&parent);
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        let reason = refusal(&directory);
        let expected = format!("group or others can write to it (mode {mode:04o})");
        assert!(reason.starts_with(&expected), "{reason}");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "nothing was created");
        let kept = fs::metadata(&directory).unwrap().permissions().mode() & 0o7777;
        assert_eq!(kept, mode, "it is not repaired");
    }
}

#[test]
fn directory_of_another_user_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, owner) = if is_root() {
        let directory = spool_in(&parent);
        chown(&directory, Some(STRANGER), None).unwrap();
        (directory, STRANGER)
    } else {
        (PathBuf::from("/usr"), 0)
    };
    let reason = refusal(&directory);
    assert!(reason.starts_with(&format!("it belongs to user {owner}, but")), "{reason}");
}

#[tokio::test]
async fn link_to_the_directory_must_belong_to_this_user() {
    let parent = tempfile::tempdir().unwrap();
    let directory = spool_in(&parent);
    let link = parent.path().join("link");
    symlink(&directory, &link).unwrap();
    let (spool, _, events) = open(&link);
    add(&spool, &events, &["a"]);
    spool.close().await;
    if is_root() {
        std::os::unix::fs::lchown(&link, Some(STRANGER), None).unwrap();
        let reason = refusal(&link);
        assert!(reason.starts_with("it is a symbolic link of user 65534"), "{reason}");
    }
}

#[test]
fn links_pipes_and_files_of_others_are_refused() {
    for name in ["lock", "spool.redb", "refused.ndjson", "quarantine.ndjson"] {
        let case = |put: &dyn Fn(&Path, &Path), expected: &str| {
            let parent = tempfile::tempdir().unwrap();
            let directory = spool_in(&parent);
            let victim = parent.path().join("victim");
            fs::write(&victim, "precious").unwrap();
            put(&directory.join(name), &victim);
            let reason = refusal(&directory);
            assert!(reason.starts_with(&format!("{name} in it {expected}")), "{reason}");
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        };
        case(&|file, victim| symlink(victim, file).unwrap(), "is not a regular file");
        case(&|file, _| symlink("nowhere", file).unwrap(), "is not a regular file");
        case(&|file, _| fs::create_dir(file).unwrap(), "is not a regular file");
        case(&|file, victim| fs::hard_link(victim, file).unwrap(), "has 2 names");
        let pipe = |file: &Path| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, file, kind, mode, 0).unwrap();
        };
        case(&|file, _| pipe(file), "is not a regular file");
        let writable = |file: &Path| {
            File::create(file).unwrap().set_permissions(Permissions::from_mode(0o660)).unwrap();
        };
        case(&|file, _| writable(file), "can be written by group or others (mode 0660)");
        if is_root() {
            let foreign = |file: &Path| {
                File::create(file).unwrap();
                chown(file, Some(STRANGER), None).unwrap();
            };
            case(&|file, _| foreign(file), "belongs to user 65534");
        }
    }
}

#[test]
fn link_that_appears_later_is_not_followed() {
    let parent = tempfile::tempdir().unwrap();
    let directory = spool_in(&parent);
    let victim = parent.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let (spool, _, events) = open(&directory);
    symlink(&victim, directory.join("refused.ndjson")).unwrap();
    let letter = DeadLetter {
        time: Timestamp::UNIX_EPOCH,
        code: "too_long".to_owned(),
        detail: "it is long".to_owned(),
        record: Bytes::from_static(b"{}"),
    };
    assert!(spool.add_dead_letter(letter));
    assert_eq!(events.recv().unwrap(), Event::DeadLetters(0, 1));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn missing_directory_is_created_for_its_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    drop(open(&directory));
    for path in [&directory, &parent.path().join("a")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o700);
    }
}
