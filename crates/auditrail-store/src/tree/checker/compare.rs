//! Computes the entries of a bundle anew. No I/O.

use std::collections::HashMap;

use auditrail_core::RecordTime;
use auditrail_evidence::{Entry, FIELDS, LogEntry, RecordKey, fields_root};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::finding::Finding;
use crate::db::Row;
use crate::tree::kept::KeptFields;
use crate::value::PgTime;

/// A bundle with what its entries are about.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The index of the first entry.
    pub(super) from: u64,
    pub(super) entries: Vec<LogEntry>,
    /// The ids that the sequence has at these places.
    pub(super) order: Vec<Uuid>,
    pub(super) keys: Zeroizing<Vec<u8>>,
    pub(super) records: Vec<Row>,
    pub(super) kept: HashMap<Uuid, KeptFields>,
}

type Values = [Option<String>; FIELDS.len()];

/// What is wrong with the records of a bundle.
pub(super) fn compare(bundle: &Bundle) -> Vec<Finding> {
    let records: HashMap<Uuid, (RecordTime, Values)> =
        bundle.records.iter().filter_map(|row| read(row).ok()).collect();
    let (keys, _) = bundle.keys.as_chunks::<{ RecordKey::BYTES }>();
    let mut findings = Vec::new();
    for (position, entry) in bundle.entries.iter().enumerate() {
        let seq = bundle.from + position as u64;
        let id = entry.id();
        if bundle.order.get(position) != Some(&id) {
            findings.push(Finding::OtherOrder { seq });
        }
        let record = records.get(&id);
        findings.extend(match (entry, record) {
            (LogEntry::Absent(_), None) => None,
            (LogEntry::Absent(_), Some(_)) => Some(Finding::PutBack { id: id.into(), seq }),
            (LogEntry::Record(entry), None) => {
                Some(Finding::Missing { id: id.into(), seq, created_at: entry.created_at })
            }
            (LogEntry::Record(entry), Some((created_at, values))) => {
                let key = keys.get(position).filter(|key| **key != [0; RecordKey::BYTES]);
                let kept = match key {
                    Some(key) => Some(KeptFields::of_key(&RecordKey::new(*key))),
                    None => bundle.kept.get(&id).cloned(),
                };
                match kept {
                    None => Some(Finding::KeyLost { id: id.into(), seq }),
                    Some(kept) => (computed(id, *created_at, values, &kept) != *entry)
                        .then_some(Finding::Altered { id: id.into(), seq }),
                }
            }
        });
    }
    findings
}

fn computed(id: Uuid, created_at: RecordTime, values: &Values, kept: &KeptFields) -> Entry {
    let disclosed = kept.disclosed(values);
    let commitments = FIELDS.map(|field| disclosed[field.index()].commitment(field));
    Entry { id, created_at, fields_root: fields_root(&commitments) }
}

fn read(row: &Row) -> Result<(Uuid, (RecordTime, Values)), sqlx::Error> {
    let mut values = [const { None }; FIELDS.len()];
    for field in FIELDS {
        values[field.index()] = row.get(2 + field.index())?;
    }
    Ok((row.get(0)?, (row.get::<PgTime>(1)?.0, values)))
}
