//! A full disk.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use auditrail_testkit::{OwnServer, Transport, over_each_transport};
use tempfile::TempDir;

use super::Probe;
use crate::service::key_in;

/// A small file system in memory, unmounted on drop.
struct Disk {
    dir: TempDir,
}

impl Disk {
    /// `None`, with a message, if mounting is not permitted.
    fn mount(size: &str) -> Option<Self> {
        let disk = Self { dir: TempDir::new().unwrap() };
        let mounted = disk.mount_with(&format!("size={size}"));
        if !mounted {
            eprintln!("skipped: mounting tmpfs requires root");
        }
        mounted.then_some(disk)
    }

    fn mount_with(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.dir.path());
        mount.output().is_ok_and(|output| output.status.success())
    }

    /// A directory on the disk with the owner of `like`.
    fn directory_like(&self, like: &Path) -> PathBuf {
        let folder = self.dir.path().join("space");
        std::fs::create_dir(&folder).unwrap();
        let owner = std::fs::metadata(like).unwrap();
        for path in [&folder, self.dir.path()] {
            chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        folder
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, since a server that is shutting down may still have files open.
        drop(Command::new("umount").arg("--lazy").arg(self.dir.path()).status());
    }
}

over_each_transport!(full_disk_returns_503_until_space_is_free);

async fn full_disk_returns_503_until_space_is_free(transport: Transport) {
    let Some(disk) = Disk::mount("1m") else { return };
    let server = OwnServer::start_over(transport).await;
    let folder = disk.directory_like(&server.cluster());
    server.run(&format!("create tablespace small location '{}'", folder.display())).await;
    server.run("alter table control_plane.audit_logs_hot set tablespace small").await;
    let key = key_in(server.service()).await;
    let mut probe = Probe::start(&server.url(&server.service()), key).await;
    probe.writes_fail_with("database_busy").await;
    // Reads still succeed.
    assert_eq!(probe.read().await, None);
    assert!(disk.mount_with("remount,size=64m"));
    probe.recovers().await;
}
