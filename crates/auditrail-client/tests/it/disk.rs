//! The disk of the spool is full.

use std::path::{Path, PathBuf};
use std::process::Command;

use auditrail_client::{DropReason, RecordError};
use auditrail_core::{CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use auditrail_testkit::eventually;

use crate::proxy::Fault;
use crate::support::{LONG, Service, assert_balanced, input, open, quick, settled};

/// A disk of a few megabytes. Only who is root may mount one.
struct SmallDisk {
    mounted: PathBuf,
    _directory: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = directory.path().join("disk");
        std::fs::create_dir(&mounted).unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&mounted);
        let done = mount.output().is_ok_and(|output| output.status.success());
        done.then_some(Self { mounted, _directory: directory })
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let ballast = self.mounted.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        let wrote = std::io::copy(&mut std::io::repeat(1), &mut file);
        assert!(wrote.is_err(), "a disk that is never full");
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.mounted).status();
        assert!(unmounted.unwrap().success());
    }
}

fn large(target: &str) -> CreateInput {
    let metadata = format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000));
    input(target).with_metadata(metadata.parse().unwrap())
}

/// Fills a spool while the service is gone, until it takes no more; then the service comes back, and
/// everything that was vouched for gets there.
async fn fills_up(directory: &Path, max_bytes: u64, disk: bool) {
    let service = Service::start().await;
    service.proxy.stop();
    let (tells, told) = std::sync::mpsc::channel();
    let config = quick().spool(directory).spool_max_bytes(max_bytes).on_lost(move |lost| {
        tells.send((lost.reason, lost.record.map(str::to_owned))).unwrap();
    });
    let recorder = open(service.client(), config).await;
    let mut vouched = Vec::new();
    let full = loop {
        let target = format!("{:04}", vouched.len());
        match recorder.record(large(&target)).await {
            Ok(taken) => assert_eq!(taken, DeliveryStatus::Spooled),
            Err(error) => break error,
        }
        vouched.push(target);
        assert!(vouched.len() < 10_000);
    };
    assert!(matches!(full, RecordError::SpoolFull { .. }), "{full:?}");
    assert!(vouched.len() > 10, "{}", vouched.len());
    let (reason, record) = told.try_recv().unwrap();
    assert_eq!(reason, Some(DropReason::SpoolFull));
    assert!(record.unwrap().contains(&format!("\"{:04}\"", vouched.len())));
    assert_eq!(recorder.stats().pending, vouched.len() as u64);

    service.proxy.next([Fault::Hold]);
    service.proxy.restart();
    // The first batch of the spool is under way, and nothing was removed yet.
    service.proxy.held(1).await;
    if disk {
        assert_eq!(recorder.record(large("direct")).await.unwrap(), DeliveryStatus::Acknowledged);
        vouched.push("direct".to_owned());
    } else {
        // A spool at its own bound means that the service does not keep up.
        assert_eq!(recorder.record(large("late")).await.unwrap_err().code(), "spool_full");
    }
    service.proxy.release();
    // More records all the while do not keep the old ones from being delivered, and then there is room.
    let mut extra = 0;
    eventually("the spool takes records again", async || {
        let taken = recorder.record(large(&format!("z{extra:04}"))).await;
        extra += usize::from(taken.is_ok());
        matches!(taken, Ok(DeliveryStatus::Spooled))
    })
    .await;
    settled(&recorder).await;
    let there = service.targets().await;
    assert_eq!(there.len(), vouched.len() + extra);
    assert!(vouched.iter().all(|target| there.contains(target)));
    assert_balanced(&recorder.stats());
    recorder.close(LONG).await;
}

#[tokio::test]
async fn a_full_disk_sends_spool_records_straight_on_and_keeps_what_it_has() {
    match SmallDisk::mount("4m") {
        Some(disk) => fills_up(&disk.mounted.join("spool"), 1 << 30, true).await,
        // Where nothing can be mounted the bound of the spool stands in for that of the disk.
        None => fills_up(tempfile::tempdir().unwrap().path(), 1 << 20, false).await,
    }
}

#[tokio::test]
async fn a_spool_at_its_bound_fails_until_what_it_has_is_delivered() {
    fills_up(tempfile::tempdir().unwrap().path(), 1 << 20, false).await;
}

#[tokio::test]
async fn a_disk_that_others_filled_loses_nothing_and_is_used_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount("8m") else {
        return;
    };
    let service = Service::start().await;
    let recorder = open(service.client(), quick().spool(disk.mounted.join("spool"))).await;
    service.proxy.stop();
    for n in 0..20 {
        assert_eq!(
            recorder.record(large(&format!("a{n:02}"))).await.unwrap(),
            DeliveryStatus::Spooled
        );
    }
    let ballast = disk.fill();
    // Free pages of the file are used up, then there is no room, and no service either.
    let mut more = 0;
    let full = loop {
        match recorder.record(large(&format!("b{more:02}"))).await {
            Ok(_) => more += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.code(), "spool_full");
    std::fs::remove_file(ballast).unwrap();
    let mut tries = 0;
    eventually("there is room again", async || {
        tries += 1;
        recorder.record(large(&format!("c{tries:02}"))).await.is_ok()
    })
    .await;
    assert_eq!(recorder.stats().pending, 20 + more + 1);
    assert_balanced(&recorder.stats());
    service.proxy.restart();
    settled(&recorder).await;
    assert_eq!(service.targets().await.len() as u64, 20 + more + 1);
    let must = recorder.submit(input("must"), Some(FailurePolicy::Must)).await.unwrap();
    assert_eq!(must, DeliveryStatus::Acknowledged);
}

#[tokio::test]
async fn a_process_that_starts_on_a_full_disk_delivers_what_is_there_and_records_all_the_same() {
    starts_on_a_full_disk(false).await;
}

#[tokio::test]
async fn so_does_one_whose_predecessor_was_killed() {
    starts_on_a_full_disk(true).await;
}

async fn starts_on_a_full_disk(killed: bool) {
    let Some(disk) = SmallDisk::mount("8m") else {
        return;
    };
    let service = Service::start().await;
    service.proxy.stop();
    let spool = disk.mounted.join("spool");
    let recorder = open(service.client(), quick().spool(&spool)).await;
    for n in 0..50 {
        assert_eq!(
            recorder.record(large(&format!("a{n:02}"))).await.unwrap(),
            DeliveryStatus::Spooled
        );
    }
    // What is in the file now is what a killed process leaves.
    let as_killed = std::fs::read(spool.join("spool.redb")).unwrap();
    assert_eq!(recorder.close(std::time::Duration::ZERO).await.pending, 50);
    if killed {
        std::fs::write(spool.join("spool.redb"), as_killed).unwrap();
    }
    disk.fill();
    let next = open(service.client(), quick().spool(&spool)).await;
    assert_eq!((next.stats().recovered, next.stats().damaged_files), (50, 0));
    service.proxy.restart();
    let mut extra = 0;
    eventually("what was there is delivered", async || {
        next.record(large(&format!("b{extra:02}"))).await.unwrap();
        extra += 1;
        next.stats().redelivered == 50
    })
    .await;
    settled(&next).await;
    assert_eq!(service.targets().await.len(), 50 + extra);
}
