//! Trees and keys that tests share.

use tlog::{
    Algorithm, Checkpoint, Edge, Hash, Resource, SignedNote, SigningKey, Span, TilePath, Tiles,
    consistency, inclusion, leaf_hash,
};

/// A log in memory: its entries, its full tiles and its edge.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) edge: Edge,
    pub(crate) tiles: Tiles,
}

impl Log {
    /// A log of the entries `entry 0` and so on.
    pub(crate) fn of_size(size: u64) -> Self {
        Self::of((0..size).map(|number| format!("entry {number}").into_bytes()))
    }

    pub(crate) fn of(entries: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut log = Self::default();
        for entry in entries {
            log.edge.push(leaf_hash(&entry), &mut |level, index, hashes: &[Hash]| {
                log.tiles.insert(level, index, hashes.to_vec());
            });
            log.entries.push(entry);
        }
        log
    }

    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The full tiles and the partial ones.
    pub(crate) fn all_tiles(&self) -> Tiles {
        let mut tiles = self.tiles.clone();
        for level in 0..self.edge.levels() {
            let index = self.size() >> (8 * (level + 1));
            tiles.insert(u8::try_from(level).unwrap(), index, self.edge.level(level).to_vec());
        }
        tiles
    }

    pub(crate) fn root_of(&self, size: u64) -> Hash {
        self.all_tiles().span(Span::tree(size)).unwrap()
    }

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        self.all_tiles().proof(&inclusion::spans(index, size).unwrap()).unwrap()
    }

    pub(crate) fn consistency(&self, from: u64, to: u64) -> Vec<Hash> {
        self.all_tiles().proof(&consistency::spans(from, to).unwrap()).unwrap()
    }

    pub(crate) fn checkpoint(&self, origin: &str, size: u64) -> Checkpoint {
        Checkpoint::new(origin, size, self.root_of(size)).unwrap()
    }
}

/// The path of a tile of hashes in a tree.
pub(crate) fn tile(level: u8, index: u64, size: u64) -> TilePath {
    TilePath::in_tree(Resource::Hashes(level), index, size).unwrap()
}

pub(crate) fn log_key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), Algorithm::Ed25519, &[seed; 32])
}

pub(crate) fn witness_key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), Algorithm::Cosignature, &[seed; 32])
}

/// A checkpoint, signed by these keys at the time 1,000.
pub(crate) fn signed(checkpoint: &Checkpoint, keys: &[&SigningKey]) -> SignedNote {
    let mut note = checkpoint.to_note().unwrap();
    for key in keys {
        note.sign(key, 1_000);
    }
    note
}
