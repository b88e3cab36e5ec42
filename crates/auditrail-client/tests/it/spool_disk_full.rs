//! A full disk, and a spool at its limit.

use std::path::{Path, PathBuf};
use std::process::Command;

use auditrail_client::{DropReason, RecordError};
use auditrail_core::{CreateInput, DeliveryStatus, FailurePolicy, RecordSink};
use auditrail_testkit::eventually;

use crate::proxy::Fault;
use crate::support::{LONG, Service, assert_balanced, input, open, quick, settled};

/// A tmpfs of a few megabytes. Mounting one needs root.
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

    /// Fills the disk with a file, whose path it returns.
    fn fill(&self) -> PathBuf {
        let ballast = self.mounted.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        let wrote = std::io::copy(&mut std::io::repeat(1), &mut file);
        assert!(wrote.is_err(), "the disk is never full");
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

/// Fills a spool while the service is down until it rejects a record. After the service is back,
/// every spooled record arrives.
async fn spool_fills_up(directory: &Path, max_bytes: u64, disk: bool) {
    let service = Service::start().await;
    service.proxy.stop();
    let (losses, lost_records) = std::sync::mpsc::channel();
    let config = quick().spool(directory).spool_max_bytes(max_bytes).on_lost(move |lost| {
        losses.send((lost.reason, lost.record.map(str::to_owned))).unwrap();
    });
    let recorder = open(service.client(), config).await;
    let mut durable = Vec::new();
    let full = loop {
        let target = format!("{:04}", durable.len());
        match recorder.record(large(&target)).await {
            Ok(status) => assert_eq!(status, DeliveryStatus::Spooled),
            Err(error) => break error,
        }
        durable.push(target);
        assert!(durable.len() < 10_000);
    };
    assert!(matches!(full, RecordError::SpoolFull { .. }), "{full:?}");
    assert!(durable.len() > 10, "{}", durable.len());
    let (reason, record) = lost_records.try_recv().unwrap();
    assert_eq!(reason, Some(DropReason::SpoolFull));
    assert!(record.unwrap().contains(&format!("\"{:04}\"", durable.len())));
    assert_eq!(recorder.stats().pending, durable.len() as u64);

    service.proxy.next([Fault::Hold]);
    service.proxy.restart();
    // The first batch of the spool is in flight, and nothing is removed yet.
    service.proxy.held(1).await;
    if disk {
        assert_eq!(recorder.record(large("direct")).await.unwrap(), DeliveryStatus::Acknowledged);
        durable.push("direct".to_owned());
    } else {
        // At the spool's own limit records are not sent directly: the service does not keep up.
        assert_eq!(recorder.record(large("late")).await.unwrap_err().code(), "spool_full");
    }
    service.proxy.release();
    // Concurrent new records do not keep the old ones from being delivered, which frees space.
    let mut extra = 0;
    eventually("the spool takes records again", async || {
        let outcome = recorder.record(large(&format!("z{extra:04}"))).await;
        extra += usize::from(outcome.is_ok());
        matches!(outcome, Ok(DeliveryStatus::Spooled))
    })
    .await;
    settled(&recorder).await;
    let targets = service.targets().await;
    assert_eq!(targets.len(), durable.len() + extra);
    assert!(durable.iter().all(|target| targets.contains(target)));
    assert_balanced(&recorder.stats());
    recorder.close(LONG).await;
}

#[tokio::test]
async fn full_disk_sends_directly_and_keeps_spooled_records() {
    match SmallDisk::mount("4m") {
        Some(disk) => spool_fills_up(&disk.mounted.join("spool"), 1 << 30, true).await,
        // Without the privilege to mount, the spool's limit stands in for that of the disk.
        None => spool_fills_up(tempfile::tempdir().unwrap().path(), 1 << 20, false).await,
    }
}

#[tokio::test]
async fn spool_at_its_limit_rejects_until_records_are_delivered() {
    spool_fills_up(tempfile::tempdir().unwrap().path(), 1 << 20, false).await;
}

#[tokio::test]
async fn spool_resumes_after_another_program_filled_the_disk() {
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
    // Uses up the free pages of the file; then both the disk is full and the service down.
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
    eventually("the disk has space again", async || {
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
async fn start_on_a_full_disk_after_a_clean_shutdown() {
    start_on_a_full_disk(false).await;
}

#[tokio::test]
async fn start_on_a_full_disk_after_a_kill() {
    start_on_a_full_disk(true).await;
}

async fn start_on_a_full_disk(killed: bool) {
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
    // The present contents of the file are those after a kill.
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
    eventually("the recovered records are delivered", async || {
        next.record(large(&format!("b{extra:02}"))).await.unwrap();
        extra += 1;
        next.stats().redelivered == 50
    })
    .await;
    settled(&next).await;
    assert_eq!(service.targets().await.len(), 50 + extra);
}
