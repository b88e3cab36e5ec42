//! The rows of a step: what bundles, tiles and keys grow by.

use auditrail_evidence::RecordKey;
use tlog::{Edge, FULL_WIDTH, Hash};
use zeroize::Zeroizing;

use super::records::Sealed;
use super::stored::pack;
use crate::sql::Sql;

/// What rows grow by, in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Growth {
    bundles: Vec<(i64, Vec<u8>)>,
    keys: Vec<(i64, Zeroizing<Vec<u8>>)>,
    tiles: Vec<(i32, i64, Vec<u8>)>,
}

impl Growth {
    /// Adds entries to the tree.
    pub(super) fn of(edge: &mut Edge, sealed: &Sealed) -> Self {
        let mut growth = Self::default();
        let (keys, _) = sealed.keys.as_chunks::<{ RecordKey::BYTES }>();
        for (entry, key) in sealed.entries.iter().zip(keys) {
            growth.push_entry(edge.size(), &pack(entry), key);
            let mut completed = Vec::new();
            edge.push(entry.leaf_hash(), &mut |level, index, hashes| {
                completed.push((level, index, hashes.last().copied()));
            });
            growth.push_hashes(edge, &completed);
        }
        growth
    }

    fn push_entry(&mut self, seq: u64, entry: &[u8], key: &[u8]) {
        let bundle = number(seq / FULL_WIDTH as u64);
        if self.bundles.last().is_none_or(|(last, _)| *last != bundle) {
            self.bundles.push((bundle, Vec::new()));
            self.keys.push((bundle, Zeroizing::default()));
        }
        if let (Some((_, entries)), Some((_, keys))) =
            (self.bundles.last_mut(), self.keys.last_mut())
        {
            entries.extend_from_slice(entry);
            keys.extend_from_slice(key);
        }
    }

    /// Adds the hashes that a leaf has added to the levels from 1 on. Of each level that is complete the hash is the last one
    /// of its tile; of the next one it is the last one of the edge.
    fn push_hashes(&mut self, edge: &Edge, completed: &[(u8, u64, Option<Hash>)]) {
        for (level, index, hash) in completed.iter().skip(1) {
            self.push_hash(i32::from(*level), number(*index), *hash);
        }
        if !completed.is_empty() {
            let level = completed.len();
            let hashes = edge.size() >> (8 * level);
            let index = hashes.saturating_sub(1) / FULL_WIDTH as u64;
            let level_number = i32::try_from(level).unwrap_or(i32::MAX);
            self.push_hash(level_number, number(index), edge.level(level).last().copied());
        }
    }

    fn push_hash(&mut self, level: i32, tile: i64, hash: Option<Hash>) {
        let Some(hash) = hash else { return };
        let last = self.tiles.iter_mut().rev().find(|(other, ..)| *other == level);
        match last {
            Some((_, index, hashes)) if *index == tile => hashes.extend_from_slice(&hash.0),
            _ => self.tiles.push((level, tile, hash.0.to_vec())),
        }
    }

    /// The statements that write the rows.
    pub(super) fn statements(&self) -> Vec<Sql> {
        let mut statements = vec![self.bundles_sql(), self.keys_sql()];
        if !self.tiles.is_empty() {
            statements.push(self.tiles_sql());
        }
        statements
    }

    fn bundles_sql(&self) -> Sql {
        Sql::new(
            "insert into control_plane.audit_log_bundles as b (bundle, entries)
             select * from unnest($1, $2)
                 on conflict (bundle) do update set entries = b.entries || excluded.entries",
        )
        .bind_array(self.bundles.iter().map(|(bundle, _)| *bundle))
        .bind_array(self.bundles.iter().map(|(_, entries)| entries.as_slice()))
    }

    fn keys_sql(&self) -> Sql {
        Sql::new(
            "insert into control_plane.audit_log_record_keys as k (bundle, keys)
             select * from unnest($1, $2)
                 on conflict (bundle) do update set keys = k.keys || excluded.keys",
        )
        .bind_array(self.keys.iter().map(|(bundle, _)| *bundle))
        .bind_array(self.keys.iter().map(|(_, keys)| keys.as_slice()))
    }

    fn tiles_sql(&self) -> Sql {
        Sql::new(
            "insert into control_plane.audit_log_tiles as t (level, tile, hashes)
             select level::smallint, tile, hashes from unnest($1, $2, $3) grown (level, tile, hashes)
                 on conflict (level, tile) do update set hashes = t.hashes || excluded.hashes",
        )
        .bind_array(self.tiles.iter().map(|(level, ..)| *level))
        .bind_array(self.tiles.iter().map(|(_, tile, _)| *tile))
        .bind_array(self.tiles.iter().map(|(.., hashes)| hashes.as_slice()))
    }
}

/// A number of a row. No log is as large as half of `u64`.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use auditrail_evidence::LogEntry;
    use uuid::Uuid;

    use super::*;

    fn sealed(from: u64, to: u64) -> Sealed {
        let entries: Vec<_> =
            (from..to).map(|seq| LogEntry::Absent(Uuid::from_u128(seq.into()))).collect();
        let keys = Zeroizing::new(vec![0; entries.len() * RecordKey::BYTES]);
        Sealed { entries, keys }
    }

    /// Rows grow to those of the tiles that a tree of one piece has.
    #[test]
    fn rows_grow_to_the_tiles_of_the_tree() {
        let size = 70_000;
        let mut expected = BTreeMap::new();
        let mut whole = Edge::new();
        for entry in sealed(0, size).entries {
            whole.push(entry.leaf_hash(), &mut |level, index, hashes| {
                let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
                expected.insert((i32::from(level), number(index)), hashes);
            });
        }
        expected.retain(|(level, _), _| *level > 0);
        for level in 1..3 {
            let hashes: Vec<u8> = whole.level(level).iter().flat_map(|hash| hash.0).collect();
            let index = number(size >> (8 * (level + 1)));
            expected.insert((i32::try_from(level).unwrap(), index), hashes);
        }
        let mut edge = Edge::new();
        let mut found: BTreeMap<(i32, i64), Vec<u8>> = BTreeMap::new();
        let mut bundles: BTreeMap<i64, usize> = BTreeMap::new();
        let mut from = 0;
        for length in [1, 255, 1, 300, 65_535, 4_096].into_iter().cycle() {
            let to = size.min(from + length);
            let growth = Growth::of(&mut edge, &sealed(from, to));
            for (level, tile, hashes) in growth.tiles {
                found.entry((level, tile)).or_default().extend(hashes);
            }
            for (bundle, entries) in growth.bundles {
                *bundles.entry(bundle).or_default() += entries.len();
            }
            from = to;
            if from == size {
                break;
            }
        }
        assert_eq!(edge, whole);
        assert!(found == expected, "{:?} {:?}", found.keys(), expected.keys());
        let full = bundles.values().filter(|bytes| **bytes == 14_336).count();
        assert_eq!((full, bundles.len()), (273, 274));
    }
}
