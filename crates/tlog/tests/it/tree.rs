//! The tree, and proofs in it.

use proptest::prelude::*;
use tlog::consistency::{self, ConsistencyError};
use tlog::inclusion::{self, InclusionError};
use tlog::{EMPTY_ROOT, Edge, EdgeError, Hash, Span, leaf_hash, tiles_of};

use crate::support::{Log, tile};

fn hex(hash: &Hash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The roots of the trees of the first entries below, from the tests of the reference implementation of RFC 6962:
/// <https://github.com/google/certificate-transparency>, `cpp/merkletree/merkle_tree_test.cc`.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

#[test]
fn roots_are_those_of_the_reference_implementation() {
    let mut edge = Edge::new();
    assert_eq!(edge.root(), EMPTY_ROOT);
    for (entry, root) in ENTRIES.iter().zip(ROOTS) {
        edge.push(leaf_hash(entry), &mut |_, _, _: &[Hash]| {});
        assert_eq!(hex(&edge.root()), root, "size {}", edge.size());
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proved() {
    let log = Log::of_size(300);
    for size in (1..=70).chain([255, 256, 257, 300]) {
        let root = log.root_of(size);
        for index in 0..size {
            let leaf = leaf_hash(&log.entries[usize::try_from(index).unwrap()]);
            let proof = log.inclusion(index, size);
            assert_eq!(inclusion::verify(&proof, &leaf, index, size, &root), Ok(()));
        }
    }
}

#[test]
fn every_small_tree_is_consistent_with_its_beginnings() {
    let log = Log::of_size(300);
    for to in (0..=70).chain([255, 256, 257, 300]) {
        for from in 0..=to {
            let (proof, old, new) = (log.consistency(from, to), log.root_of(from), log.root_of(to));
            assert_eq!(consistency::verify(&proof, from, &old, to, &new), Ok(()), "{from} {to}");
        }
    }
}

#[test]
fn edge_is_restored_from_its_tiles() {
    let mut edge = Edge::new();
    for number in 0..70_000_u32 {
        if [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537].contains(&number) {
            let levels = (0..edge.levels()).map(|level| edge.level(level).to_vec()).collect();
            let restored = Edge::restore(edge.size(), levels).unwrap();
            assert_eq!(restored.root(), edge.root());
            edge = restored;
        }
        edge.push(leaf_hash(&number.to_be_bytes()), &mut |_, _, _: &[Hash]| {});
    }
    let whole = Log::of((0..70_000_u32).map(|number| number.to_be_bytes().to_vec()));
    assert_eq!(edge.root(), whole.edge.root());
    assert_eq!(edge.root(), whole.root_of(70_000));
}

#[test]
fn edge_of_another_size_is_refused() {
    let hash = leaf_hash(b"");
    let error = Edge::restore(257, vec![vec![hash], vec![]]).unwrap_err();
    assert_eq!(error, EdgeError { level: 1, size: 257, expected: 1, found: 0 });
    Edge::restore(257, vec![vec![hash], vec![hash, hash]]).unwrap_err();
    Edge::restore(256, vec![vec![hash], vec![hash]]).unwrap_err();
    Edge::restore(0, vec![vec![], vec![hash]]).unwrap_err();
    assert_eq!(Edge::restore(0, vec![vec![], vec![]]).unwrap(), Edge::new());
    Edge::restore(256, vec![vec![], vec![hash], vec![]]).unwrap();
}

#[test]
fn tiles_of_a_proof_are_few() {
    let size = 10_000_000;
    let spans = inclusion::spans(4_711, size).unwrap();
    let tiles = tiles_of(&spans, size);
    // One for each of 3 levels, and those of the right edge.
    assert!(tiles.len() <= 6, "{tiles:?}");
    assert!(tiles.contains(&tile(0, 18, size)));
    assert!(tiles.contains(&tile(2, 0, size)));
}

#[test]
fn proof_of_the_largest_tree_is_made() {
    let spans = inclusion::spans(0, tlog::SIZE_MAX).unwrap();
    assert_eq!(spans.len(), tlog::PROOF_MAX);
    assert!(tiles_of(&spans, tlog::SIZE_MAX).len() <= 64);
    let spans = consistency::spans(tlog::SIZE_MAX - 1, tlog::SIZE_MAX).unwrap();
    assert!(spans.len() <= tlog::PROOF_MAX, "{}", spans.len());
    Edge::restore(tlog::SIZE_MAX, Vec::new()).unwrap_err();
}

#[test]
fn missing_tile_is_named() {
    let log = Log::of_size(600);
    let error = log.tiles.proof(&inclusion::spans(599, 600).unwrap()).unwrap_err();
    assert_eq!((error.level, error.index), (0, 2));
}

#[test]
fn empty_tree_has_one_root() {
    let other = leaf_hash(b"");
    assert_eq!(consistency::verify(&[], 0, &EMPTY_ROOT, 0, &EMPTY_ROOT), Ok(()));
    assert_eq!(consistency::verify(&[], 0, &EMPTY_ROOT, 7, &other), Ok(()));
    let fork = |to| Err(ConsistencyError::Fork { from: 0, to });
    assert_eq!(consistency::verify(&[], 0, &other, 0, &other), fork(0));
    assert_eq!(consistency::verify(&[], 0, &EMPTY_ROOT, 0, &other), fork(0));
    assert_eq!(consistency::verify(&[], 0, &other, 7, &other), fork(7));
    let out = InclusionError::OutOfRange { index: 0, size: 0 };
    assert_eq!(inclusion::verify(&[], &other, 0, 0, &EMPTY_ROOT), Err(out));
}

#[test]
fn tree_cannot_shrink() {
    let log = Log::of_size(9);
    let outcome = consistency::verify(&[], 9, &log.root_of(9), 8, &log.root_of(8));
    assert_eq!(outcome, Err(ConsistencyError::Shrunk { from: 9, to: 8 }));
}

/// Each way to change one hash of a proof, or its length.
fn changed(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[EMPTY_ROOT]].concat()];
    for position in 0..proof.len() {
        let mut other = proof.to_vec();
        other[position].0[31] ^= 1;
        all.push(other);
        let mut other = proof.to_vec();
        other.remove(position);
        all.push(other);
        let mut other = proof.to_vec();
        other.swap(0, position);
        all.push(other);
    }
    all.retain(|other| other != proof);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_inclusion_proof_is_refused(size in 1_u64..600, seed in any::<u64>()) {
        let (log, index) = (Log::of_size(size), seed % size);
        let leaf = leaf_hash(&log.entries[usize::try_from(index).unwrap()]);
        let (proof, root) = (log.inclusion(index, size), log.root_of(size));
        inclusion::verify(&proof, &leaf, index, size, &root).unwrap();
        for other in changed(&proof) {
            inclusion::verify(&other, &leaf, index, size, &root).unwrap_err();
        }
        inclusion::verify(&proof, &root, index, size, &leaf_hash(b"x")).unwrap_err();
        for other in (0..size).filter(|other| *other != index) {
            inclusion::verify(&proof, &leaf, other, size, &root).unwrap_err();
        }
        if size > 1 {
            inclusion::verify(&proof, &leaf_hash(b"x"), index, size, &root).unwrap_err();
        }
    }

    #[test]
    fn changed_consistency_proof_is_refused(to in 2_u64..600, seed in any::<u64>()) {
        let (log, from) = (Log::of_size(to), 1 + seed % (to - 1));
        let (proof, old, new) = (log.consistency(from, to), log.root_of(from), log.root_of(to));
        consistency::verify(&proof, from, &old, to, &new).unwrap();
        for other in changed(&proof) {
            consistency::verify(&other, from, &old, to, &new).unwrap_err();
        }
        consistency::verify(&proof, from, &new, to, &new).unwrap_err();
        consistency::verify(&proof, from, &old, to, &old).unwrap_err();
    }

    #[test]
    fn nodes_of_a_span_are_its_leaves(index in any::<u64>(), size in 1..tlog::SIZE_MAX) {
        for span in inclusion::spans(index % size, size).unwrap() {
            let mut next = span.start();
            for node in span.nodes() {
                prop_assert_eq!(node.index << node.height, next);
                next += 1 << node.height;
            }
            prop_assert_eq!(next, span.end());
        }
        prop_assert_eq!(Span::tree(0).nodes().count(), 0);
    }
}
