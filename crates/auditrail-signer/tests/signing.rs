//! What a signer signs, and what it refuses.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use auditrail_signer::{KeyFile, Recovered, Signed, Signer, SignerError, create};
use tempfile::TempDir;
use tlog::{EMPTY_ROOT, Hash, KeyName, SignedNote, VerifierKey};

const ROOT: fn(u8) -> Hash = |byte| Hash([byte; 32]);

fn origin() -> KeyName {
    "example.com/log".parse().unwrap()
}

fn key() -> (TempDir, PathBuf, VerifierKey) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.key");
    let verifier = create(&path, &origin()).unwrap();
    (directory, path, verifier)
}

/// Signs two checkpoints, of 5 and of 9 entries.
fn signed(path: &Path) -> Signer {
    let signer = Signer::new(path);
    let mut signing = signer.lock().unwrap();
    assert_eq!(signing.sign(Some(EMPTY_ROOT), 5, ROOT(5)).unwrap(), Signed::New);
    assert_eq!(signing.sign(Some(ROOT(5)), 9, ROOT(9)).unwrap(), Signed::New);
    signer
}

fn memory(path: &Path) -> PathBuf {
    path.with_extension("key.signed")
}

#[test]
fn continuation_is_signed_and_remembered() {
    let (_directory, path, verifier) = key();
    let signer = signed(&path);
    let signing = signer.lock().unwrap();
    assert_eq!((signing.last().size(), *signing.last().root()), (9, ROOT(9)));
    signing.note().verify(&verifier).unwrap();
    let stored = SignedNote::parse(&fs::read(memory(&path)).unwrap()).unwrap();
    assert_eq!(stored.to_string(), signing.note().to_string());
    assert_eq!(signing.last().origin(), "example.com/log");
    drop(signing);
    assert_eq!(signer.lock().unwrap().sign(Some(ROOT(9)), 9, ROOT(9)).unwrap(), Signed::Unchanged);
}

#[test]
fn log_that_contradicts_the_last_checkpoint_is_not_signed() {
    let (_directory, path, _) = key();
    let signer = signed(&path);
    let before = fs::read(memory(&path)).unwrap();
    for (earlier, size, root, expected) in [
        (None, 8, ROOT(8), "the log has 8 entries, but a checkpoint of 9 was signed"),
        (None, 0, EMPTY_ROOT, "the log has 0 entries, but a checkpoint of 9 was signed"),
        // A caller that computes an earlier root from something else.
        (Some(ROOT(9)), 8, ROOT(8), "the log has 8 entries"),
        (Some(ROOT(7)), 9, ROOT(7), "the log contradicts the checkpoint of 9 entries"),
        (Some(ROOT(7)), 12, ROOT(12), "the log contradicts the checkpoint of 9 entries"),
        (Some(ROOT(9)), 9, ROOT(8), "the log contradicts the checkpoint of 9 entries"),
    ] {
        let error = signer.lock().unwrap().sign(earlier, size, root).unwrap_err();
        assert!(error.is_contradiction());
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert_eq!(fs::read(memory(&path)).unwrap(), before);
}

#[test]
fn nothing_is_signed_without_a_valid_memory() {
    type Edit = fn(&Path);
    let edits: [(&str, Edit); 4] = [
        ("is missing", |memory| fs::remove_file(memory).unwrap()),
        ("is not a checkpoint", |memory| fs::write(memory, "").unwrap()),
        ("is not signed by the key", |memory| {
            let text = fs::read_to_string(memory).unwrap();
            fs::write(memory, text.replacen("\n9\n", "\n4\n", 1)).unwrap();
        }),
        ("is that of a log with another name", |memory| {
            let other = memory.with_file_name("other.key");
            create(&other, &"example.com/other".parse().unwrap()).unwrap();
            fs::copy(other.with_extension("key.signed"), memory).unwrap();
        }),
    ];
    for (expected, edit) in edits {
        let (_directory, path, _) = key();
        let signer = signed(&path);
        edit(&memory(&path));
        let error = signer.lock().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn key_is_never_overwritten_and_read_by_its_owner_only() {
    let (_directory, path, _) = key();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(create(&path, &origin()), Err(SignerError::Exists { .. })));
    Signer::new(&path).lock().unwrap();
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Signer::new(&path).lock().unwrap_err();
        assert!(matches!(error, SignerError::Readable { .. }), "{error}");
    }
}

#[test]
fn file_without_usable_keys_is_refused_without_showing_it() {
    let (_directory, path, _) = key();
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().last().unwrap().to_owned();
    let other = path.with_file_name("other.key");
    create(&other, &"example.com/other".parse().unwrap()).unwrap();
    let others = fs::read_to_string(other).unwrap();
    for (content, expected) in [
        (String::new(), "has no key"),
        ("# nothing\n".to_owned(), "has no key"),
        (format!("{line}x\n"), "line 1"),
        (format!("# a comment\n\n{}\n", &line[..line.len() - 4]), "line 3"),
        (format!("{line}\n{others}"), "has keys of different names"),
    ] {
        fs::write(&path, content).unwrap();
        let error = KeyFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(&line[30..60]), "{error}");
    }
    fs::write(&path, vec![0xff; 100_000]).unwrap();
    KeyFile::open(&path).unwrap_err();
}

#[test]
fn new_key_signs_beside_the_old_one_until_that_is_retired() {
    let (_directory, path, old) = key();
    let signer = signed(&path);
    let new = signer.lock().unwrap().rotate().unwrap();
    assert_ne!(new, old);
    let mut signing = signer.lock().unwrap();
    signing.sign(Some(ROOT(9)), 10, ROOT(10)).unwrap();
    signing.note().verify(&old).unwrap();
    signing.note().verify(&new).unwrap();
    assert_eq!(signing.verifiers(), [new.clone(), old.clone()]);
    assert_eq!(signing.retire().unwrap(), std::slice::from_ref(&old));
    drop(signing);
    let mut signing = signer.lock().unwrap();
    assert_eq!(signing.last().size(), 10);
    signing.sign(Some(ROOT(10)), 11, ROOT(11)).unwrap();
    signing.note().verify(&new).unwrap();
    signing.note().verify(&old).unwrap_err();
}

#[test]
fn recovery_starts_under_another_name_and_keeps_the_old_key() {
    let (_directory, path, old) = key();
    let signer = signed(&path);
    let error = signer.recover(&origin()).unwrap_err();
    assert!(matches!(error, SignerError::SameOrigin { .. }), "{error}");
    let name: KeyName = "example.com/log/2".parse().unwrap();
    let Recovered { kept, verifier: new, last } = signer.recover(&name).unwrap();
    assert!(last.unwrap().text().contains("\n9\n"));
    assert_eq!(new.name(), &name);
    // The rolled back state, which the old key refused.
    let mut signing = signer.lock().unwrap();
    assert_eq!(signing.sign(Some(EMPTY_ROOT), 7, ROOT(7)).unwrap(), Signed::New);
    signing.note().verify(&new).unwrap();
    assert_eq!(KeyFile::open(&kept).unwrap().verifiers(), [old]);
    assert_eq!(Signer::new(&kept).lock().unwrap().last().size(), 9);
}

#[test]
fn lost_memory_is_recovered_under_another_name_only() {
    let (_directory, path, _) = key();
    let signer = signed(&path);
    fs::remove_file(memory(&path)).unwrap();
    signer.lock().unwrap_err();
    signer.recover(&origin()).unwrap_err();
    let recovered = signer.recover(&"example.com/log/2".parse().unwrap()).unwrap();
    assert!(recovered.last.is_none());
    assert_eq!(signer.lock().unwrap().last().size(), 0);
}

#[test]
fn one_process_signs_at_a_time() {
    let (_directory, path, _) = key();
    let signer = Signer::new(&path);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut signing = signer.lock().unwrap();
                    let size = signing.last().size();
                    let root = *signing.last().root();
                    let byte = u8::try_from(size + 1).unwrap();
                    assert_eq!(
                        signing.sign(Some(root), size + 1, ROOT(byte)).unwrap(),
                        Signed::New
                    );
                }
            });
        }
    });
    assert_eq!(signer.lock().unwrap().last().size(), 40);
}

#[test]
fn nothing_is_signed_if_the_memory_cannot_be_written() {
    let (directory, path, _) = key();
    let signer = signed(&path);
    let mut signing = signer.lock().unwrap();
    let before = signing.note().to_string();
    // Not even the superuser creates files in a directory that is gone.
    let moved = directory.path().with_extension("moved");
    fs::rename(directory.path(), &moved).unwrap();
    signing.sign(Some(ROOT(9)), 10, ROOT(10)).unwrap_err();
    assert_eq!(signing.note().to_string(), before);
    fs::rename(&moved, directory.path()).unwrap();
}
