//! The spool without a recorder: what is in it after crashes, damage, and too much.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};

use bytes::Bytes;
use redb::{Database, TableDefinition};

use super::{Found, Hears, Spool, SpoolBatch, SpoolError};
use crate::recorder::OpenError;

/// What the spool told.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Spooled(Vec<u64>),
    Unspooled(Vec<u64>),
    Damaged(u64),
    Gone,
}

struct Ear(Sender<Heard>);

impl Hears for Ear {
    fn spooled(&self, tickets: &[u64]) {
        self.0.send(Heard::Spooled(tickets.to_vec())).unwrap();
    }

    fn unspooled(&self, tickets: &[u64], _error: &SpoolError) {
        self.0.send(Heard::Unspooled(tickets.to_vec())).unwrap();
    }

    fn damaged(&self, records: u64) {
        self.0.send(Heard::Damaged(records)).unwrap();
    }

    fn gone(&self) {
        self.0.send(Heard::Gone).unwrap();
    }
}

const MAX_BYTES: u64 = 1024 * 1024;

fn open(directory: &Path) -> (Spool, Found, Receiver<Heard>) {
    open_with(directory, MAX_BYTES)
}

fn open_with(directory: &Path, max_bytes: u64) -> (Spool, Found, Receiver<Heard>) {
    let (ear, heard) = mpsc::channel();
    let (spool, found) = Spool::open(directory, max_bytes, Ear(ear)).unwrap();
    (spool, found, heard)
}

/// Spools records, and waits until they are safe.
fn add(spool: &Spool, heard: &Receiver<Heard>, texts: &[&str]) {
    for (ticket, text) in (0..).zip(texts) {
        spool.reserve(text.len()).unwrap();
        spool.append(ticket, Bytes::copy_from_slice(text.as_bytes())).unwrap();
    }
    let mut safe = 0;
    while safe < texts.len() {
        match heard.recv().unwrap() {
            Heard::Spooled(tickets) => safe += tickets.len(),
            other => panic!("{other:?}"),
        }
    }
}

async fn read(spool: &Spool) -> SpoolBatch {
    spool.read(100, 1024 * 1024).await.unwrap()
}

fn texts(batch: &SpoolBatch) -> Vec<String> {
    let text = |text: &Bytes| String::from_utf8(text.to_vec()).unwrap();
    batch.items.iter().map(|item| text(&item.text)).collect()
}

#[tokio::test]
async fn records_come_back_in_order_until_they_are_acknowledged_also_in_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, found, heard) = open(directory.path());
    assert_eq!(found, Found::default());
    add(&spool, &heard, &["a", "b", "c"]);
    let batch = spool.read(2, 1_000).await.unwrap();
    assert_eq!(texts(&batch), ["a", "b"]);
    assert_eq!(read(&spool).await.items.len(), 3, "nothing was acknowledged");
    let batch = spool.read(2, 1_000).await.unwrap();
    spool.acknowledge(batch.next);
    assert_eq!(texts(&read(&spool).await), ["c"]);
    spool.close().await;
    assert!(matches!(spool.append(9, Bytes::new()), Err(SpoolError::Closed)));

    let (spool, found, heard) = open(directory.path());
    assert_eq!(found, Found { records: 1, damaged_files: 0 });
    add(&spool, &heard, &["d"]);
    let batch = read(&spool).await;
    let recovered: Vec<_> = batch.items.iter().map(|item| item.recovered).collect();
    assert_eq!((texts(&batch), recovered), (vec!["c".into(), "d".into()], vec![true, false]));
    spool.acknowledge(batch.next);
    assert!(read(&spool).await.is_empty());
    spool.close().await;
    assert_eq!(spool.bytes(), 0);
}

#[tokio::test]
async fn one_recorder_has_it_at_a_time_and_only_the_owner_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/spool");
    let (spool, _, heard) = open(&path);
    add(&spool, &heard, &["a"]);
    let (ear, _) = mpsc::channel();
    let second = Spool::open(&path, MAX_BYTES, Ear(ear));
    assert!(matches!(second, Err(OpenError::SpoolLocked { .. })));
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
async fn the_bound_counts_what_is_on_its_way_and_is_free_again_after_the_acknowledgement() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, heard) = open(directory.path());
    let text = "x".repeat(10_000);
    let mut count = 0;
    while spool.reserve(text.len()).is_ok() {
        spool.append(count, Bytes::from(text.clone())).unwrap();
        count += 1;
    }
    assert_eq!(count, MAX_BYTES / (10_000 + 64));
    let mut safe = 0;
    while safe < count {
        match heard.recv().unwrap() {
            Heard::Spooled(tickets) => safe += tickets.len() as u64,
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
    add(&spool, &heard, &["again"]);
}

/// Changes a record behind the spool's back.
fn damage_record(directory: &Path, key: u64) {
    let database = Database::create(directory.join("spool.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let records: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
    write.open_table(records).unwrap().insert(key, &b"\x01nonsense"[..]).unwrap();
    write.commit().unwrap();
}

#[tokio::test]
async fn a_damaged_record_is_put_aside_and_holds_up_none_of_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, heard) = open(directory.path());
    add(&spool, &heard, &["a", "b", "c"]);
    spool.close().await;
    damage_record(directory.path(), 1);
    let (spool, found, _) = open(directory.path());
    assert_eq!(found.records, 3);
    let batch = read(&spool).await;
    assert_eq!((texts(&batch), batch.quarantined), (vec!["a".into(), "c".into()], 1));
    spool.acknowledge(batch.next);
    assert!(read(&spool).await.is_empty());
    let aside = fs::read_to_string(directory.path().join("quarantine.ndjson")).unwrap();
    assert_eq!(aside, "{\"key\":1,\"value\":\"AW5vbnNlbnNl\"}\n");
}

#[tokio::test]
async fn a_file_that_is_damaged_is_put_aside_wherever_the_damage_is() {
    let whole = tempfile::tempdir().unwrap();
    let (spool, _, heard) = open(whole.path());
    let text = "x".repeat(3_000);
    add(&spool, &heard, &[text.as_str(); 50]);
    spool.close().await;
    let bytes = fs::read(whole.path().join("spool.redb")).unwrap();
    let mut damaged_files = 0;
    let places = (0..bytes.len()).step_by(bytes.len() / 40).map(Some).chain([None]);
    for place in places {
        let directory = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        match place {
            Some(place) => damaged[place..].iter_mut().take(512).for_each(|byte| *byte ^= 0x55),
            None => damaged.truncate(bytes.len() / 2),
        }
        fs::write(directory.path().join("spool.redb"), damaged).unwrap();
        let (spool, found, heard) = open(directory.path());
        // Damage in a page that nobody uses does no harm.
        assert_eq!(found.records, if found.damaged_files == 0 { 50 } else { 0 }, "{place:?}");
        let aside = directory.path().join("spool.redb.damaged-1");
        assert_eq!(aside.exists(), found.damaged_files == 1, "{place:?}");
        damaged_files += found.damaged_files;
        add(&spool, &heard, &["new"]);
        assert_eq!(read(&spool).await.items.len() as u64, found.records + 1, "{place:?}");
    }
    assert!(damaged_files > 5, "{damaged_files}");
}

#[tokio::test]
async fn a_file_that_is_damaged_while_it_is_open_is_put_aside_and_what_was_in_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, heard) = open_with(directory.path(), 16 * MAX_BYTES);
    // More than is kept in memory, so that the file is looked at.
    let text = "x".repeat(100_000);
    add(&spool, &heard, &[text.as_str(); 100]);
    let batch = spool.read(10, usize::MAX).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(directory.path().join("spool.redb"));
    file.unwrap().set_len(64 * 1024).unwrap();
    let failed = loop {
        match spool.read(1_000, usize::MAX).await {
            Ok(batch) => assert_eq!(batch.items.len(), 100, "until it is noticed"),
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, SpoolError::Failed(_)), "{failed}");
    // The ten that were read are with whoever read them.
    assert_eq!(heard.recv().unwrap(), Heard::Damaged(90));
    assert!(directory.path().join("spool.redb.damaged-1").exists());
    spool.acknowledge(batch.next);
    add(&spool, &heard, &["new"]);
    assert_eq!(texts(&read(&spool).await), ["new"]);
    assert_eq!(spool.bytes(), 3 + 64);
}

#[tokio::test]
async fn a_file_that_somebody_took_away_is_missed_and_what_was_in_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, heard) = open_with(directory.path(), 16 * MAX_BYTES);
    let text = "x".repeat(100_000);
    add(&spool, &heard, &[text.as_str(); 100]);
    let path = directory.path().join("spool.redb");
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    file.set_len(64 * 1024).unwrap();
    // First the damage is noticed, and then that there is nothing left.
    while spool.read(1_000, usize::MAX).await.is_ok_and(|batch| !batch.is_empty()) {}
    assert!(read(&spool).await.is_empty());
    assert_eq!(heard.recv().unwrap(), Heard::Damaged(100));
    add(&spool, &heard, &["new"]);
    assert_eq!(texts(&read(&spool).await), ["new"]);
}

/// Holds the thread up at the first record it made durable.
struct SlowEar {
    heard: Sender<usize>,
    go_on: Receiver<()>,
}

impl Hears for SlowEar {
    fn spooled(&self, tickets: &[u64]) {
        self.heard.send(tickets.len()).unwrap();
        // Without a word the test is over.
        self.go_on.recv().unwrap_or_default();
    }

    fn unspooled(&self, _tickets: &[u64], error: &SpoolError) {
        panic!("{error}");
    }

    fn damaged(&self, records: u64) {
        panic!("{records}");
    }

    fn gone(&self) {}
}

#[test]
fn what_comes_while_the_disk_is_busy_shares_the_next_sync() {
    let directory = tempfile::tempdir().unwrap();
    let (sends, heard) = mpsc::channel();
    let (go, go_on) = mpsc::channel();
    let ear = SlowEar { heard: sends, go_on };
    let (spool, _) = Spool::open(directory.path(), MAX_BYTES, ear).unwrap();
    spool.append(0, Bytes::from_static(b"first")).unwrap();
    assert_eq!(heard.recv().unwrap(), 1);
    for ticket in 1..=500 {
        spool.append(ticket, Bytes::from_static(b"other")).unwrap();
    }
    go.send(()).unwrap();
    assert_eq!(heard.recv().unwrap(), 500);
}

/// Panics at the first record, as a log that cannot be written to may.
struct Panicking(Sender<Heard>);

impl Hears for Panicking {
    fn spooled(&self, tickets: &[u64]) {
        panic!("on purpose, at {tickets:?}");
    }

    fn unspooled(&self, _tickets: &[u64], error: &SpoolError) {
        panic!("{error}");
    }

    fn damaged(&self, records: u64) {
        panic!("{records}");
    }

    fn gone(&self) {
        self.0.send(Heard::Gone).unwrap();
    }
}

#[tokio::test]
async fn when_its_thread_panics_nobody_waits_for_ever_and_the_records_are_there_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let (ear, heard) = mpsc::channel();
    let (spool, _) = Spool::open(directory.path(), MAX_BYTES, Panicking(ear)).unwrap();
    spool.append(0, Bytes::from_static(b"a")).unwrap();
    assert_eq!(heard.recv().unwrap(), Heard::Gone);
    assert!(matches!(spool.append(1, Bytes::new()), Err(SpoolError::Failed(_))));
    assert!(matches!(spool.read(1, 1).await, Err(SpoolError::Failed(_))));
    spool.close().await;
    assert!(matches!(spool.read(1, 1).await, Err(SpoolError::Closed)));
    // Its hold on the directory ends with the thread, a moment later.
    assert_eq!(heard.recv().ok(), None);
    let (spool, found, _heard) = open(directory.path());
    assert_eq!(found.records, 1);
    assert_eq!(texts(&read(&spool).await), ["a"]);
}
