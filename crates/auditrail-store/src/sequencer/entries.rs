//! The entries of a step, as rows of `audit_log_entries`.

use uuid::Uuid;

use crate::db::Row;
use crate::sql::Sql;
use crate::value::XactId;

/// Most records of a row, which the table checks.
pub(crate) const ENTRY_RECORDS_MAX: usize = 4_096;
/// Most that the ids of the transactions of a row differ, which the table checks: readers find a record by a range
/// of `lowest_xact_id`.
pub(crate) const ENTRY_XACT_IDS_SPAN: u64 = 65_535;
/// The bytes of an id.
pub(crate) const ID_BYTES: usize = 16;

/// A record that the sequencer looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) xact_id: XactId,
    pub(super) id: Uuid,
}

impl Candidate {
    /// Reads `xact_id` and `id`, the first columns of a row.
    pub(super) fn read(row: &Row) -> Result<Self, sqlx::Error> {
        Ok(Self { xact_id: row.get(0)?, id: row.get(1)? })
    }
}

/// Splits records, in their order, into rows that the table accepts.
///
/// A transaction that was open for long has a much lower id than the others of its round, and gets a row of its own.
pub(super) fn split(records: &[Candidate]) -> impl Iterator<Item = &[Candidate]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let first = rest.first()?.xact_id.0;
        let fits = |record: &&Candidate| {
            record.xact_id.0.checked_sub(first).is_some_and(|span| span <= ENTRY_XACT_IDS_SPAN)
        };
        let length = rest.iter().take(ENTRY_RECORDS_MAX).take_while(fits).count();
        let (row, others) = rest.split_at(length.max(1));
        rest = others;
        Some(row)
    })
}

/// The statement that adds the records, from `next_seq` on.
pub(super) fn insert_sql(records: &[Candidate], next_seq: i64) -> Sql {
    let rows: Vec<&[Candidate]> = split(records).collect();
    let mut first_seq = next_seq;
    let first_seqs: Vec<i64> = rows
        .iter()
        .map(|row| {
            let first = first_seq;
            first_seq += i64::try_from(row.len()).unwrap_or(i64::MAX);
            first
        })
        .collect();
    let counts = rows.iter().map(|row| i32::try_from(row.len()).unwrap_or(i32::MAX));
    let lowest = rows.iter().map(|row| row.first().map_or(0, |record| number(record.xact_id)));
    let highest = rows.iter().map(|row| row.last().map_or(0, |record| number(record.xact_id)));
    let ids: Vec<Vec<u8>> = rows.iter().map(|row| pack(row)).collect();
    Sql::new(
        "insert into control_plane.audit_log_entries
             (first_seq, records, lowest_xact_id, highest_xact_id, ids)
         select * from unnest($1, $2, $3, $4, $5)",
    )
    .bind_array(first_seqs)
    .bind_array(counts)
    .bind_array(lowest)
    .bind_array(highest)
    .bind_array(ids.iter().map(Vec::as_slice))
}

/// An id of a transaction as `bigint`. PostgreSQL would need 200,000 years at a million transactions a second to
/// reach a higher one; a forged one saturates.
pub(super) fn number(xact_id: XactId) -> i64 {
    i64::try_from(xact_id.0).unwrap_or(i64::MAX)
}

fn pack(row: &[Candidate]) -> Vec<u8> {
    row.iter().flat_map(|record| *record.id.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(xact_id: u64, id: u128) -> Candidate {
        Candidate { xact_id: XactId(xact_id), id: Uuid::from_u128(id) }
    }

    fn lengths(records: &[Candidate]) -> Vec<usize> {
        split(records).map(<[Candidate]>::len).collect()
    }

    #[test]
    fn rows_hold_at_most_4096_records() {
        let records: Vec<_> = (0..10_000).map(|id| candidate(7, id)).collect();
        assert_eq!(lengths(&records), [4_096, 4_096, 1_808]);
        assert_eq!(lengths(&[]), [0_usize; 0]);
    }

    #[test]
    fn straggler_gets_a_row_of_its_own() {
        let records = [candidate(3, 1), candidate(65_538, 2), candidate(65_539, 3)];
        assert_eq!(lengths(&records), [2, 1]);
        let records = [candidate(3, 1), candidate(u64::MAX, 2)];
        assert_eq!(lengths(&records), [1, 1]);
    }

    #[test]
    fn ids_are_packed_in_their_order() {
        let packed = pack(&[candidate(1, 0x0102), candidate(2, 0x01)]);
        assert_eq!(packed.len(), 2 * ID_BYTES);
        assert_eq!((packed[14], packed[15], packed[31]), (1, 2, 1));
    }
}
