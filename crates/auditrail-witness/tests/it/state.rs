//! The directory of a witness.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use auditrail_witness::{LockError, OpenError, Witness, file_name, read_directory};
use tlog::Checkpoint;

use crate::support::{Log, ORIGIN, Running, directory, log_key, logged, open, witness_key};

fn file(directory: &Path) -> PathBuf {
    directory.join(file_name(ORIGIN))
}

/// A directory with a checkpoint of size 7.
async fn cosigned(log: &Log) -> tempfile::TempDir {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    witness.add(&log.request(0, 7)).await.assert_cosigns(&log.checkpoint(7));
    assert!(witness.stop().await);
    directory
}

#[tokio::test]
async fn state_survives_a_restart() {
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    let witness = Running::start(directory.path()).await;
    assert_eq!(witness.add(&log.request(0, 20)).await.body, "7\n");
    assert_eq!(witness.add(&Log::new("other", 20).request(7, 20)).await.status, 422);
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
}

#[tokio::test]
async fn file_is_the_cosigned_checkpoint() {
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    let [file] = <[_; 1]>::try_from(read_directory(directory.path()).unwrap()).unwrap();
    // `printf log.example/one | sha256sum`
    let name = "bdc0c3dca386bdad88431ffca58979085946c04048bcd237ed04e388f75c92f3";
    assert_eq!(file.path, directory.path().join(name));
    let saved = file.content.unwrap();
    assert_eq!(saved.checkpoint, Checkpoint::new(ORIGIN, 7, log.root(7)).unwrap());
    assert_eq!(saved.note.signatures().len(), 2);
    saved.note.verify(&log_key(1).verifier()).unwrap();
    saved.note.verify(&witness_key(9).verifier()).unwrap();
    let mode = fs::metadata(file.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn second_process_is_refused() {
    let directory = directory();
    let first = open(directory.path(), 1);
    let second = Witness::open(witness_key(9), vec![log_key(1).verifier()], directory.path());
    assert!(matches!(second, Err(OpenError::Directory(LockError::InUse { .. }))), "{second:?}");
    drop(first);
    drop(open(directory.path(), 1));
}

#[tokio::test]
async fn directory_that_others_can_change_is_refused() {
    let directory = directory();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let opened = Witness::open(witness_key(9), vec![log_key(1).verifier()], directory.path());
    assert!(matches!(opened, Err(OpenError::Directory(LockError::Writable { .. }))), "{opened:?}");
}

#[tokio::test]
async fn damaged_file_refuses_the_log() {
    logged();
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    let path = file(directory.path());
    let good = fs::read_to_string(&path).unwrap();
    let other_size = good.replace("\n7\n", "\n6\n");
    let other_origin = good.replace(ORIGIN, "log.example/two");
    let truncated = &good[..good.len() / 2];
    let huge = "x".repeat(1_000_000);
    for damaged in ["", "\0", &other_size, &other_origin, truncated, &huge] {
        fs::write(&path, damaged).unwrap();
        let witness = Running::start(directory.path()).await;
        for request in [log.request(0, 7), log.request(7, 20), log.request(7, 7), log.request(0, 0)]
        {
            let reply = witness.add(&request).await;
            assert_eq!(reply.status, 500, "{reply:?}");
            assert!(reply.body.contains("restore the newest copy of the file"), "{reply:?}");
        }
        assert!(witness.get("/").await.body.ends_with("log.example/one unusable\n"));
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "the file was replaced");
        assert!(witness.stop().await);
    }
    assert!(logged().contains("ERROR"), "{}", logged());
    // Unreadable: reading a directory fails for every user.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let witness = Running::start(directory.path()).await;
    assert_eq!(witness.add(&log.request(0, 7)).await.status, 500);
    assert!(witness.stop().await);
    // The right file again.
    fs::remove_dir(&path).unwrap();
    fs::write(&path, good).unwrap();
    let witness = Running::start(directory.path()).await;
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
}

#[tokio::test]
async fn damaged_file_of_one_log_leaves_the_others() {
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    let other = tlog::SigningKey::from_seed(
        "log.example/two".parse().unwrap(),
        tlog::Algorithm::Ed25519,
        &[2; 32],
    );
    fs::write(directory.path().join(file_name("log.example/two")), "damaged").unwrap();
    let keys = vec![other.verifier(), log_key(1).verifier()];
    let witness = Witness::open(witness_key(9), keys, directory.path()).unwrap();
    let witness = Running::serving(witness, &Default::default()).await;
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
}

#[tokio::test]
async fn nothing_is_cosigned_that_was_not_saved() {
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    let witness = Running::start(directory.path()).await;
    let path = file(directory.path());
    let before = fs::read(&path).unwrap();
    // In the way of the temporary file, for every user.
    let temporary = path.with_extension("new");
    fs::create_dir(&temporary).unwrap();
    let reply = witness.add(&log.request(7, 20)).await;
    assert_eq!((reply.status, reply.body.contains("not saved")), (500, true), "{reply:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    // What was saved before is cosigned, and the rest once it can be saved.
    witness.add(&log.request(7, 7)).await.assert_cosigns(&log.checkpoint(7));
    fs::remove_dir(&temporary).unwrap();
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
}

#[tokio::test]
async fn replaced_directory_is_noticed() {
    let log = Log::new("entry", 20);
    let parent = directory();
    let path = parent.path().join("state");
    let witness = Running::start(&path).await;
    witness.add(&log.request(0, 7)).await.assert_cosigns(&log.checkpoint(7));
    fs::rename(&path, parent.path().join("moved")).unwrap();
    assert_eq!(witness.add(&log.request(7, 20)).await.status, 500);
    // Another process uses a directory of that name.
    let other = open(&path, 1);
    assert_eq!(witness.add(&log.request(7, 20)).await.status, 500);
    assert!(read_directory(&path).unwrap().is_empty());
    drop(other);
}

#[tokio::test]
async fn rest_of_a_crash_is_replaced() {
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    fs::write(file(directory.path()).with_extension("new"), "half a no").unwrap();
    let witness = Running::start(directory.path()).await;
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
    assert_eq!(read_directory(directory.path()).unwrap().len(), 1);
}

#[tokio::test]
async fn either_key_may_be_replaced() {
    let log = Log::new("entry", 20);
    // Of the witness: the file is signed by the log.
    let directory = cosigned(&log).await;
    let keys = vec![log_key(1).verifier()];
    let witness = Witness::open(witness_key(8), keys, directory.path()).unwrap();
    let witness = Running::serving(witness, &Default::default()).await;
    assert_eq!(witness.add(&log.request(0, 20)).await.body, "7\n");
    assert!(witness.stop().await);
    // Of the log: the file is signed by the witness.
    let witness = Running::serving(open(directory.path(), 2), &Default::default()).await;
    assert!(witness.get("/").await.body.contains("log.example/one 7 "));
    assert!(witness.stop().await);
    // Both at once: nothing shows that the file is not another one.
    let keys = vec![log_key(2).verifier()];
    let witness = Witness::open(witness_key(8), keys, directory.path()).unwrap();
    let witness = Running::serving(witness, &Default::default()).await;
    assert!(witness.get("/").await.body.ends_with("log.example/one unusable\n"));
}

/// A limit of every witness: an older copy of its directory is a valid state. This test documents it.
#[tokio::test]
async fn older_copy_of_the_directory_is_not_noticed() {
    let log = Log::new("entry", 20);
    let directory = cosigned(&log).await;
    let copy = fs::read(file(directory.path())).unwrap();
    let witness = Running::start(directory.path()).await;
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
    // A process that runs does not read its files again.
    fs::write(file(directory.path()), &copy).unwrap();
    assert_eq!(witness.add(&log.request(7, 20)).await.body, "20\n");
    assert!(witness.stop().await);
    fs::write(file(directory.path()), &copy).unwrap();
    let witness = Running::start(directory.path()).await;
    assert!(witness.get("/").await.body.contains("log.example/one 7 "));
}

/// A tmpfs that is small, and unmounted when dropped. Mounting one needs privileges.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"]).arg(&path);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}

#[tokio::test]
async fn full_disk_is_not_cosigned() {
    let parent = directory();
    let Some(disk) = SmallDisk::mount(parent.path().join("disk")) else {
        eprintln!("skipped: no file system can be mounted");
        return;
    };
    let log = Log::new("entry", 20);
    let witness = Running::start(&disk.0).await;
    witness.add(&log.request(0, 7)).await.assert_cosigns(&log.checkpoint(7));
    let ballast = disk.0.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    assert!(std::io::copy(&mut std::io::repeat(1), &mut file).is_err(), "the disk is never full");
    drop(file);
    assert_eq!(witness.add(&log.request(7, 20)).await.status, 500);
    assert_eq!(witness.add(&log.request(0, 20)).await.body, "7\n");
    fs::remove_file(ballast).unwrap();
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
    assert!(witness.stop().await);
}
