//! Memory and disk usage with far more records than the limits allow, while the service is down.

use std::collections::HashMap;

use crate::child::Recording;
use crate::support::unused;

const RECORDS: u64 = 100_000;
const MIB: u64 = 1024 * 1024;

#[test]
fn memory_and_disk_stay_bounded_while_the_service_is_down() {
    let (url, _socket) = unused();
    let spool = tempfile::tempdir().unwrap();
    let count = usize::try_from(RECORDS).unwrap();
    let mut child = Recording::start(&url, spool.path(), "flood", count);
    let mut report: HashMap<String, Vec<u64>> = HashMap::new();
    while let Some(line) = child.line() {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().unwrap();
        report.insert(name, words.map(|word| word.parse().unwrap()).collect());
    }
    let [queued_records, queued_bytes] = report["queued"][..] else { panic!("{report:?}") };
    assert!(queued_records <= 10_000 && queued_bytes <= 16 * MIB, "{report:?}");
    let [kept_records, kept_bytes] = report["kept"][..] else { panic!("{report:?}") };
    assert!(kept_records > 1_000 && kept_bytes <= 8 * MIB, "{report:?}");
    assert_eq!(report["accepted"], [RECORDS]);
    assert_eq!(report["dropped"], [RECORDS - kept_records], "{report:?}");
    let file = std::fs::metadata(spool.path().join("spool.redb")).unwrap().len();
    assert!(file <= 3 * 8 * MIB, "{file}");
    // 16 MiB of queued text, its bookkeeping, records in flight to the disk, and a cache of 4 MiB.
    // All hundred thousand records would be 120 MiB of text alone.
    let [before, peak] = report["memory"][..] else { panic!("{report:?}") };
    assert!(peak - before < 64 * 1024, "{report:?}");
}
