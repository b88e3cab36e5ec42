//! Far more records than there is room for, with the service down.

use std::collections::HashMap;

use crate::child::Recording;
use crate::support::unused;

const RECORDS: u64 = 100_000;
const MIB: u64 = 1024 * 1024;

#[test]
fn a_hundred_thousand_records_with_the_service_down_stay_within_the_bounds_of_memory_and_disk() {
    let (url, _held) = unused();
    let spool = tempfile::tempdir().unwrap();
    let count = usize::try_from(RECORDS).unwrap();
    let mut child = Recording::start(&url, spool.path(), "flood", count);
    let mut said: HashMap<String, Vec<u64>> = HashMap::new();
    while let Some(line) = child.line() {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().unwrap();
        said.insert(name, words.map(|word| word.parse().unwrap()).collect());
    }
    let [queued_records, queued_bytes] = said["queued"][..] else { panic!("{said:?}") };
    assert!(queued_records <= 10_000 && queued_bytes <= 16 * MIB, "{said:?}");
    let [kept_records, kept_bytes] = said["kept"][..] else { panic!("{said:?}") };
    assert!(kept_records > 1_000 && kept_bytes <= 8 * MIB, "{said:?}");
    assert_eq!(said["accepted"], [RECORDS]);
    assert_eq!(said["dropped"], [RECORDS - kept_records], "{said:?}");
    let file = std::fs::metadata(spool.path().join("spool.redb")).unwrap().len();
    assert!(file <= 3 * 8 * MIB, "{file}");
    // The text of 16 MiB of records, what leads to it, what is on its way to the disk, and a cache of 4 MiB.
    // All hundred thousand would be 120 MiB as text alone.
    let [before, most] = said["memory"][..] else { panic!("{said:?}") };
    assert!(most - before < 64 * 1024, "{said:?}");
}
