//! The spool without a recorder: crashes, damage, limits.
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod entries;
mod trust;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};

use bytes::Bytes;
use redb::{Database, TableDefinition};

use super::{OpenReport, Spool, SpoolBatch, SpoolError, SpoolObserver, SpoolOpenError};
use crate::entry::Entry;

/// A call of the observer.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Spooled(Vec<u64>),
    SpoolFailed(Vec<u64>),
    Damaged(u64),
    DeadLetters(u64, u64),
    WorkerPanicked,
}

struct RecordingObserver(Sender<Event>);

impl SpoolObserver for RecordingObserver {
    fn spooled(&self, tickets: &[u64]) {
        self.0.send(Event::Spooled(tickets.to_vec())).unwrap();
    }

    fn spool_failed(&self, tickets: &[u64], _error: &SpoolError) {
        self.0.send(Event::SpoolFailed(tickets.to_vec())).unwrap();
    }

    fn damaged(&self, records: u64) {
        self.0.send(Event::Damaged(records)).unwrap();
    }

    fn dead_letters(&self, written: u64, dropped: u64) {
        self.0.send(Event::DeadLetters(written, dropped)).unwrap();
    }

    fn worker_panicked(&self) {
        self.0.send(Event::WorkerPanicked).unwrap();
    }
}

const MAX_BYTES: u64 = 1024 * 1024;

/// A record whose time the recorder assigned.
fn entry(text: &str) -> Entry {
    Entry { text: Bytes::copy_from_slice(text.as_bytes()), is_stamped: true }
}

fn open(directory: &Path) -> (Spool, OpenReport, Receiver<Event>) {
    open_with(directory, MAX_BYTES)
}

fn open_with(directory: &Path, max_bytes: u64) -> (Spool, OpenReport, Receiver<Event>) {
    let (sender, events) = mpsc::channel();
    let (spool, report) =
        Spool::open(directory, max_bytes, MAX_BYTES, RecordingObserver(sender)).unwrap();
    (spool, report, events)
}

/// Appends records and waits until they are durable.
fn add(spool: &Spool, events: &Receiver<Event>, texts: &[&str]) {
    for (ticket, text) in (0..).zip(texts) {
        spool.reserve(text.len()).unwrap();
        spool.append(ticket, entry(text)).unwrap();
    }
    let mut durable = 0;
    while durable < texts.len() {
        match events.recv().unwrap() {
            Event::Spooled(tickets) => durable += tickets.len(),
            other => panic!("{other:?}"),
        }
    }
}

async fn read(spool: &Spool) -> SpoolBatch {
    spool.read(100, 1024 * 1024).await.unwrap()
}

fn texts(batch: &SpoolBatch) -> Vec<String> {
    let text = |text: &Bytes| String::from_utf8(text.to_vec()).unwrap();
    batch.items.iter().map(|item| text(&item.entry.text)).collect()
}

#[tokio::test]
async fn records_are_read_in_order_until_acknowledged_across_reopens() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, report, events) = open(directory.path());
    assert_eq!(report, OpenReport::default());
    add(&spool, &events, &["a", "b", "c"]);
    let batch = spool.read(2, 1_000).await.unwrap();
    assert_eq!(texts(&batch), ["a", "b"]);
    assert_eq!(read(&spool).await.items.len(), 3, "nothing was acknowledged");
    let batch = spool.read(2, 1_000).await.unwrap();
    spool.acknowledge(batch.next);
    assert_eq!(texts(&read(&spool).await), ["c"]);
    spool.close().await;
    assert!(matches!(spool.append(9, entry("")), Err(SpoolError::Closed)));

    let (spool, report, events) = open(directory.path());
    assert_eq!(report, OpenReport { records: 1, damaged_files: 0 });
    add(&spool, &events, &["d"]);
    let batch = read(&spool).await;
    let recovered: Vec<_> = batch.items.iter().map(|item| item.recovered).collect();
    assert_eq!((texts(&batch), recovered), (vec!["c".into(), "d".into()], vec![true, false]));
    spool.acknowledge(batch.next);
    assert!(read(&spool).await.is_empty());
    spool.close().await;
    assert_eq!(spool.bytes(), 0);
}

#[tokio::test]
async fn directory_is_locked_and_readable_by_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/spool");
    let (spool, _, events) = open(&path);
    add(&spool, &events, &["a"]);
    let (sender, _) = mpsc::channel();
    let second = Spool::open(&path, MAX_BYTES, MAX_BYTES, RecordingObserver(sender));
    assert!(matches!(second, Err(SpoolOpenError::Locked)));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    spool.close().await;
    open(&path);
}

#[tokio::test]
async fn limit_counts_records_in_flight_until_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, events) = open(directory.path());
    let text = "x".repeat(10_000);
    let mut count = 0;
    while spool.reserve(text.len()).is_ok() {
        spool.append(count, entry(&text)).unwrap();
        count += 1;
    }
    assert_eq!(count, MAX_BYTES / (10_000 + 64));
    let mut durable = 0;
    while durable < count {
        match events.recv().unwrap() {
            Event::Spooled(tickets) => durable += tickets.len() as u64,
            other => panic!("{other:?}"),
        }
    }
    let file = fs::metadata(directory.path().join("spool.redb")).unwrap().len();
    assert!(file <= 3 * MAX_BYTES, "{file}");
    let batch = spool.read(1_000, usize::MAX).await.unwrap();
    assert_eq!(batch.items.len() as u64, count);
    spool.acknowledge(batch.next);
    assert!(read(&spool).await.is_empty());
    assert_eq!(spool.bytes(), 0);
    add(&spool, &events, &["again"]);
}

/// Overwrites a record in the closed file.
fn damage_record(directory: &Path, key: u64) {
    let database = Database::create(directory.join("spool.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let records: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
    write.open_table(records).unwrap().insert(key, &b"\x01nonsense"[..]).unwrap();
    write.commit().unwrap();
}

#[tokio::test]
async fn damaged_record_is_quarantined_and_others_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, events) = open(directory.path());
    add(&spool, &events, &["a", "b", "c"]);
    spool.close().await;
    damage_record(directory.path(), 1);
    let (spool, report, _) = open(directory.path());
    assert_eq!(report.records, 3);
    let batch = read(&spool).await;
    assert_eq!((texts(&batch), batch.quarantined), (vec!["a".into(), "c".into()], 1));
    spool.acknowledge(batch.next);
    assert!(read(&spool).await.is_empty());
    let quarantine = fs::read_to_string(directory.path().join("quarantine.ndjson")).unwrap();
    assert_eq!(quarantine, "{\"key\":1,\"value\":\"AW5vbnNlbnNl\"}\n");
}

#[tokio::test]
async fn damaged_file_is_moved_aside_wherever_the_damage_is() {
    let intact = tempfile::tempdir().unwrap();
    let (spool, _, events) = open(intact.path());
    let text = "x".repeat(3_000);
    add(&spool, &events, &[text.as_str(); 50]);
    spool.close().await;
    let bytes = fs::read(intact.path().join("spool.redb")).unwrap();
    let mut damaged_files = 0;
    let offsets = (0..bytes.len()).step_by(bytes.len() / 40).map(Some).chain([None]);
    for offset in offsets {
        let directory = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        match offset {
            Some(offset) => damaged[offset..].iter_mut().take(512).for_each(|byte| *byte ^= 0x55),
            None => damaged.truncate(bytes.len() / 2),
        }
        fs::write(directory.path().join("spool.redb"), damaged).unwrap();
        let (spool, report, events) = open(directory.path());
        // Damage in an unused page has no effect.
        assert_eq!(report.records, if report.damaged_files == 0 { 50 } else { 0 }, "{offset:?}");
        let moved_to = directory.path().join("spool.redb.damaged-1");
        assert_eq!(moved_to.exists(), report.damaged_files == 1, "{offset:?}");
        damaged_files += report.damaged_files;
        add(&spool, &events, &["new"]);
        assert_eq!(read(&spool).await.items.len() as u64, report.records + 1, "{offset:?}");
    }
    assert!(damaged_files > 5, "{damaged_files}");
}

#[tokio::test]
async fn file_damaged_while_open_is_moved_aside_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, events) = open_with(directory.path(), 16 * MAX_BYTES);
    // More than the cache holds, so that the file is read.
    let text = "x".repeat(100_000);
    add(&spool, &events, &[text.as_str(); 100]);
    let batch = spool.read(10, usize::MAX).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(directory.path().join("spool.redb"));
    file.unwrap().set_len(64 * 1024).unwrap();
    let error = loop {
        match spool.read(1_000, usize::MAX).await {
            Ok(batch) => assert_eq!(batch.items.len(), 100, "until the damage is detected"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SpoolError::Failed(_)), "{error}");
    // The ten records that were read are in flight and not lost.
    assert_eq!(events.recv().unwrap(), Event::Damaged(90));
    assert!(directory.path().join("spool.redb.damaged-1").exists());
    spool.acknowledge(batch.next);
    add(&spool, &events, &["new"]);
    assert_eq!(texts(&read(&spool).await), ["new"]);
    assert_eq!(spool.bytes(), 3 + 64);
}

#[tokio::test]
async fn deleted_file_is_detected_and_its_records_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, events) = open_with(directory.path(), 16 * MAX_BYTES);
    let text = "x".repeat(100_000);
    add(&spool, &events, &[text.as_str(); 100]);
    let path = directory.path().join("spool.redb");
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    file.set_len(64 * 1024).unwrap();
    // The truncation is detected first, then that no file is left.
    while spool.read(1_000, usize::MAX).await.is_ok_and(|batch| !batch.is_empty()) {}
    assert!(read(&spool).await.is_empty());
    assert_eq!(events.recv().unwrap(), Event::Damaged(100));
    add(&spool, &events, &["new"]);
    assert_eq!(texts(&read(&spool).await), ["new"]);
}

/// Blocks the worker after its first commit.
struct BlockingObserver {
    group_sizes: Sender<usize>,
    resume: Receiver<()>,
}

impl SpoolObserver for BlockingObserver {
    fn spooled(&self, tickets: &[u64]) {
        self.group_sizes.send(tickets.len()).unwrap();
        // An error means that the test has ended.
        self.resume.recv().unwrap_or_default();
    }

    fn spool_failed(&self, _tickets: &[u64], error: &SpoolError) {
        panic!("{error}");
    }

    fn damaged(&self, records: u64) {
        panic!("{records}");
    }

    fn dead_letters(&self, written: u64, dropped: u64) {
        panic!("{written} {dropped}");
    }

    fn worker_panicked(&self) {}
}

#[test]
fn appends_during_a_sync_share_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let (group_sizes, sizes) = mpsc::channel();
    let (resume_sender, resume) = mpsc::channel();
    let observer = BlockingObserver { group_sizes, resume };
    let (spool, _) = Spool::open(directory.path(), MAX_BYTES, MAX_BYTES, observer).unwrap();
    spool.append(0, entry("first")).unwrap();
    assert_eq!(sizes.recv().unwrap(), 1);
    for ticket in 1..=500 {
        spool.append(ticket, entry("other")).unwrap();
    }
    resume_sender.send(()).unwrap();
    assert_eq!(sizes.recv().unwrap(), 500);
}

/// Panics after the first commit.
struct PanickingObserver(Sender<Event>);

impl SpoolObserver for PanickingObserver {
    fn spooled(&self, tickets: &[u64]) {
        panic!("on purpose, at {tickets:?}");
    }

    fn spool_failed(&self, _tickets: &[u64], error: &SpoolError) {
        panic!("{error}");
    }

    fn damaged(&self, records: u64) {
        panic!("{records}");
    }

    fn dead_letters(&self, written: u64, dropped: u64) {
        panic!("{written} {dropped}");
    }

    fn worker_panicked(&self) {
        self.0.send(Event::WorkerPanicked).unwrap();
    }
}

#[tokio::test]
async fn worker_panic_fails_calls_and_keeps_the_records() {
    let directory = tempfile::tempdir().unwrap();
    let (sender, events) = mpsc::channel();
    let (spool, _) =
        Spool::open(directory.path(), MAX_BYTES, MAX_BYTES, PanickingObserver(sender)).unwrap();
    spool.append(0, entry("a")).unwrap();
    assert_eq!(events.recv().unwrap(), Event::WorkerPanicked);
    assert!(matches!(spool.append(1, entry("")), Err(SpoolError::Failed(_))));
    assert!(matches!(spool.read(1, 1).await, Err(SpoolError::Failed(_))));
    spool.close().await;
    assert!(matches!(spool.read(1, 1).await, Err(SpoolError::Closed)));
    // The worker releases the directory a moment later, when it drops the observer.
    assert_eq!(events.recv().ok(), None);
    let (spool, report, _events) = open(directory.path());
    assert_eq!(report.records, 1);
    assert_eq!(texts(&read(&spool).await), ["a"]);
}
