//! A log that is written into a directory, as a service serves it.

use std::collections::BTreeMap;

use auditrail_core::RecordTime;
use auditrail_evidence::Entry;
use tlog::{
    Algorithm, Checkpoint, Edge, Hash, Resource, SignedNote, SigningKey, TilePath, bundle,
    leaf_hash,
};
use uuid::Uuid;

use crate::sandbox::Sandbox;

pub(super) const ORIGIN: &str = "log.example/audit";

/// The entries of a log.
#[derive(Clone)]
pub(super) struct Log(pub(super) Vec<Vec<u8>>);

impl Log {
    /// A log of this many records.
    pub(super) fn of_size(size: u64) -> Self {
        Self((0..size).map(entry).collect())
    }

    /// The log when it had fewer entries.
    pub(super) fn first(&self, size: usize) -> Self {
        Self(self.0[..size].to_vec())
    }

    /// Every tile and every bundle by its path.
    pub(super) fn files(&self) -> BTreeMap<TilePath, Vec<u8>> {
        let (mut edge, mut files) = (Edge::new(), BTreeMap::new());
        let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
        let size = self.0.len() as u64;
        for entry in &self.0 {
            edge.push(leaf_hash(entry), &mut |level, index, hashes| {
                files.insert(TilePath::full(Resource::Hashes(level), index), bytes(hashes));
            });
        }
        for level in (0..edge.levels()).filter(|level| !edge.level(*level).is_empty()) {
            let resource = Resource::Hashes(u8::try_from(level).unwrap());
            let path = TilePath::in_tree(resource, size >> (8 * (level + 1)), size);
            files.insert(path.unwrap(), bytes(edge.level(level)));
        }
        for (index, entries) in (0..).zip(self.0.chunks(256)) {
            let path = TilePath::in_tree(Resource::Entries, index, size).unwrap();
            let mut bytes = Vec::new();
            entries.iter().for_each(|entry| bundle::push(&mut bytes, entry).unwrap());
            files.insert(path, bytes);
        }
        files
    }

    pub(super) fn root(&self) -> Hash {
        let mut edge = Edge::new();
        self.0.iter().for_each(|entry| edge.push(leaf_hash(entry), &mut |_, _, _| {}));
        edge.root()
    }

    /// Its checkpoint, signed by the log.
    pub(super) fn checkpoint(&self) -> String {
        signed(&Checkpoint::new(ORIGIN, self.0.len() as u64, self.root()).unwrap(), &key())
    }

    /// Writes tiles and entries into the directory `log`, and leaves the checkpoint that is there.
    pub(super) fn write_tiles(&self, sandbox: &Sandbox) {
        for (path, bytes) in self.files() {
            sandbox.file(&format!("log/{path}"), bytes);
        }
    }

    /// A sandbox with a policy and this log.
    pub(super) fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::bare();
        sandbox.file("policy", policy());
        sandbox.file("log/checkpoint", self.checkpoint());
        self.write_tiles(&sandbox);
        sandbox
    }
}

/// The entry of a record.
pub(super) fn entry(number: u64) -> Vec<u8> {
    let micros = 1_800_000_000_000_000 + i64::try_from(number).unwrap();
    let created_at = RecordTime::from_unix_micros(micros).unwrap();
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number));
    Entry { id, created_at, fields_root: [7; 32] }.to_bytes().to_vec()
}

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[1; 32])
}

/// Trusts the key of the log.
pub(super) fn policy() -> String {
    format!("log {}\nquorum none\n", key().verifier())
}

pub(super) fn signed(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    let mut note: SignedNote = checkpoint.to_note().unwrap();
    note.sign(key, 0);
    note.to_string()
}
