//! Two other implementations agree with this one.

use std::cell::RefCell;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog::{Hash, Resource, Span, TilePath, consistency, inclusion, leaf_hash};
use tlog_tiles::{HashReader, Tile, TileHashReader, TileReader};

use crate::support::{Log, log_key, signed, tile};

/// A proof as `ct-merkle` has it: its hashes one after the other.
fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ct_merkle_agrees(size in 1_u64..700, seed in any::<u64>()) {
        let log = Log::of_size(size);
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        log.entries.iter().for_each(|entry| tree.push(entry.clone()));
        let root = tree.root();
        prop_assert_eq!(&log.edge.root().0[..], root.as_bytes().as_slice());
        let index = seed % size;
        let proof = tree.prove_inclusion(usize::try_from(index).unwrap());
        prop_assert_eq!(bytes(&log.inclusion(index, size)), proof.as_bytes());
        let from = 1 + seed % size;
        let added = usize::try_from(size - from).unwrap();
        let proof = tree.prove_consistency(added);
        prop_assert_eq!(bytes(&log.consistency(from, size)), proof.as_bytes());
    }
}

/// Serves tiles of a log to `tlog_tiles`, which checks them against the root.
struct Served<'a>(&'a Log, RefCell<Vec<String>>);

impl TileReader for Served<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |wanted: &Tile| {
            let (level, index) = (wanted.level(), wanted.level_index());
            let path = TilePath::in_tree(Resource::Hashes(level), index, self.0.size()).unwrap();
            self.1.borrow_mut().push(path.to_string());
            let width = u64::from(wanted.width());
            let node = |offset| tlog::NodeId { height: 8 * level, index: 256 * index + offset };
            let all = self.0.all_tiles();
            (0..width).flat_map(|offset| all.node(node(offset)).unwrap().0).collect()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn tlog_tiles_accepts_our_tiles_and_makes_the_same_proofs() {
    for size in [1, 2, 255, 256, 257, 1_000, 65_535, 65_536, 65_537, 70_000] {
        let log = Log::of_size(size);
        let root = log.edge.root();
        let served = Served(&log, RefCell::default());
        let reader = TileHashReader::new(size, tlog_tiles::Hash(root.0), &served);
        for index in [0, size / 3, size / 2, size - 1] {
            let theirs = tlog_tiles::prove_record(size, index, &reader).unwrap();
            let ours = log.inclusion(index, size);
            assert!(theirs.iter().map(|hash| hash.0).eq(ours.iter().map(|hash| hash.0)));
            let leaf = leaf_hash(&log.entries[usize::try_from(index).unwrap()]);
            let (tree, leaf) = (tlog_tiles::Hash(root.0), tlog_tiles::Hash(leaf.0));
            tlog_tiles::check_record(&theirs, size, tree, index, leaf).unwrap();
        }
        for from in [1, size / 3, size / 2, size].into_iter().filter(|from| *from > 0) {
            let theirs = tlog_tiles::prove_tree(size, from, &reader).unwrap();
            let ours = log.consistency(from, size);
            assert!(theirs.iter().map(|hash| hash.0).eq(ours.iter().map(|hash| hash.0)));
            let roots = (tlog_tiles::Hash(root.0), tlog_tiles::Hash(log.root_of(from).0));
            tlog_tiles::check_tree(&theirs, size, roots.0, from, roots.1).unwrap();
        }
        let read = served.1.into_inner();
        assert!(size == 1 || read.contains(&tile(0, 0, size).to_string()), "{read:?}");
    }
}

#[test]
fn tlog_tiles_refuses_a_tile_that_was_changed() {
    let log = Log::of_size(1_000);
    let mut other = Log::of_size(999);
    other.edge.push(leaf_hash(b"changed"), &mut |_, _, _: &[Hash]| {});
    let served = Served(&other, RefCell::default());
    let reader = TileHashReader::new(1_000, tlog_tiles::Hash(log.edge.root().0), &served);
    assert!(tlog_tiles::prove_record(1_000, 5, &reader).is_err());
}

/// Every node of a tree, by the index that `tlog_tiles` gives it.
struct Stored<'a>(&'a Log);

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let tiles = self.0.all_tiles();
        let read = |index: &u64| {
            let (height, index) = tlog_tiles::split_stored_hash_index(*index);
            tlog_tiles::Hash(tiles.node(tlog::NodeId { height, index }).unwrap().0)
        };
        Ok(indexes.iter().map(read).collect())
    }
}

#[test]
fn tlog_tiles_computes_the_same_tiles_and_root() {
    let log = Log::of_size(70_000);
    for size in [1, 300, 65_536, 70_000] {
        let theirs = tlog_tiles::tree_hash(size, &Stored(&log)).unwrap();
        assert_eq!(theirs.0, log.root_of(size).0);
        for theirs in Tile::new_tiles(8, 0, size) {
            let path = tile(theirs.level(), theirs.level_index(), size);
            // Of several widths of a partial tile only the last one is that of the tree.
            if path.width() == usize::try_from(theirs.width()).unwrap() {
                let bytes = theirs.read_data(&Stored(&log)).unwrap();
                let hashes = path.hashes(&bytes).unwrap();
                if path.is_full() {
                    let height = 8 * (theirs.level() + 1);
                    let node = tlog::NodeId { height, index: path.index() };
                    let root = Tile::subtree_hash(&bytes);
                    assert_eq!(root.0, log.all_tiles().node(node).unwrap().0);
                }
                assert_eq!(hashes.len(), path.width());
            }
        }
    }
    assert_eq!(log.root_of(70_000), log.all_tiles().span(Span::tree(70_000)).unwrap());
    assert!(inclusion::spans(70_000, 70_000).is_none() && consistency::spans(2, 1).is_none());
}

#[test]
fn tlog_tiles_reads_our_checkpoints() {
    let log = Log::of_size(300);
    let checkpoint = log.checkpoint("log.example/one", 300);
    let note = signed(&checkpoint, &[&log_key("log.example/one", 1)]);
    let theirs = tlog_tiles::Checkpoint::from_bytes(note.text().as_bytes()).unwrap();
    assert_eq!((theirs.origin(), theirs.size()), ("log.example/one", 300));
    assert_eq!(theirs.hash().0, checkpoint.root().0);
    assert_eq!(theirs.to_bytes(), note.text().as_bytes());
}
