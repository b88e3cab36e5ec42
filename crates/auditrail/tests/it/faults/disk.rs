//! A full disk.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use auditrail_testkit::{OwnServer, Transport, over_each_transport};
use tempfile::TempDir;

use super::Tried;
use crate::running::key_in;

/// A disk of its own, in memory; unmounted with this value.
struct Disk {
    dir: TempDir,
}

impl Disk {
    /// `None`, with a message, where nothing can be mounted.
    fn mount(size: &str) -> Option<Self> {
        let disk = Self { dir: TempDir::new().unwrap() };
        let mounted = disk.mount_with(&format!("size={size}"));
        if !mounted {
            eprintln!("skipped: a disk in memory can be mounted by root only, and not everywhere");
        }
        mounted.then_some(disk)
    }

    fn mount_with(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.dir.path());
        mount.output().is_ok_and(|output| output.status.success())
    }

    /// A folder on it for the user who owns `like`.
    fn folder_like(&self, like: &Path) -> PathBuf {
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
        // Lazily, since a server that is being stopped may still have files open.
        drop(Command::new("umount").arg("--lazy").arg(self.dir.path()).status());
    }
}

over_each_transport!(a_full_disk_is_503_until_there_is_room);

async fn a_full_disk_is_503_until_there_is_room(transport: Transport) {
    let Some(disk) = Disk::mount("1m") else { return };
    let server = OwnServer::start_over(transport).await;
    let folder = disk.folder_like(&server.cluster());
    server.run(&format!("create tablespace small location '{}'", folder.display())).await;
    server.run("alter table control_plane.audit_logs set tablespace small").await;
    let key = key_in(server.service()).await;
    let mut tried = Tried::start(&server.url(&server.service()), key).await;
    tried.refuses_writes("database_busy").await;
    // What fits is still taken, and what is there can be read.
    assert_eq!(tried.read().await, None);
    assert!(disk.mount_with("remount,size=64m"));
    tried.recovers().await;
}
