//! Entries of earlier releases, and entries that become dead letters.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use redb::{Database, TableDefinition};

use super::{Event, add, open, read, texts};
use crate::spool::DeadLetter;

/// Replaces a record in the closed file by the encoding of earlier releases, which ends in its version, its
/// checksum and the text.
fn insert_version_1(directory: &Path, key: u64, text: &str) {
    let database = Database::create(directory.join("spool.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let records: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
    let checksum = crc32fast::hash(text.as_bytes()).to_le_bytes();
    let value = [&[1], &checksum[..], text.as_bytes()].concat();
    write.open_table(records).unwrap().insert(key, value.as_slice()).unwrap();
    write.commit().unwrap();
}

#[tokio::test]
async fn records_of_earlier_releases_are_read_as_given() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, events) = open(directory.path());
    add(&spool, &events, &["a", "b"]);
    spool.close().await;
    insert_version_1(directory.path(), 1, "old");
    let (spool, report, _) = open(directory.path());
    assert_eq!(report.records, 2);
    let batch = read(&spool).await;
    let stamped: Vec<_> = batch.items.iter().map(|item| item.entry.is_stamped).collect();
    assert_eq!((texts(&batch), stamped), (vec!["a".into(), "old".into()], vec![true, false]));
    assert_eq!(batch.quarantined, 0);
}

#[tokio::test]
async fn dead_letters_are_durable_before_their_records_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _, events) = open(directory.path());
    add(&spool, &events, &["{}"]);
    let batch = read(&spool).await;
    let letter = DeadLetter {
        time: jiff::Timestamp::UNIX_EPOCH,
        code: "empty".to_owned(),
        detail: String::new(),
        record: batch.items[0].entry.text.clone(),
    };
    assert!(spool.add_dead_letter(letter));
    spool.acknowledge(batch.next);
    spool.close().await;
    assert_eq!(events.recv().unwrap(), Event::DeadLetters(1, 0));
    let path = directory.path().join("refused.ndjson");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let line: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(line["code"], "empty");
    let (spool, report, _) = open(directory.path());
    assert_eq!((report.records, read(&spool).await.is_empty()), (0, true));
}
