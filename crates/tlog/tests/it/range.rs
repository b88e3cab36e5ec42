//! Compact ranges.

use tlog::{
    CompactRange, Edge, Hash, NodeId, RangeError, SIZE_MAX, Tiles, leaf_hash, tiles_of_range,
};

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

fn range(start: u64, end: u64) -> CompactRange {
    let mut range = CompactRange::new(start);
    (start..end).for_each(|number| range.push(leaf(number)));
    range
}

fn edge(size: u64) -> Edge {
    let mut edge = Edge::new();
    (0..size).for_each(|number| edge.push(leaf(number), &mut |_, _, _| {}));
    edge
}

#[test]
fn range_of_all_leaves_has_the_root_of_the_tree() {
    for size in 0..300 {
        assert_eq!(range(0, size).root(), edge(size).root(), "{size}");
    }
}

#[test]
fn hashes_of_one_range_extend_the_one_before_it() {
    for size in 0..24 {
        for middle in 0..=size {
            for end in middle..=size {
                let gap = range(middle, end);
                let (mut whole, mut hashes) = (range(0, middle), gap.hashes());
                let next = |_: NodeId| hashes.next().ok_or(RangeError { end, other: 0 });
                whole.extend(end, next).unwrap();
                assert_eq!(hashes.next(), None, "{middle} to {end}");
                (end..size).for_each(|number| whole.push(leaf(number)));
                assert_eq!(whole, range(0, size), "{middle} to {end} of {size}");
            }
        }
    }
}

#[test]
fn tiles_have_the_hashes_of_every_range() {
    let size = 70_000;
    let (mut edge, mut all) = (Edge::new(), Tiles::new());
    for number in 0..size {
        edge.push(leaf(number), &mut |level, index, hashes: &[Hash]| {
            all.insert(level, index, hashes.to_vec());
        });
    }
    for level in 0..edge.levels() {
        let index = size >> (8 * (level + 1));
        all.insert(u8::try_from(level).unwrap(), index, edge.level(level).to_vec());
    }
    for (start, end) in [(0, size), (0, 1), (1, 300), (255, 66_000), (65_536, size), (7, 7), (9, 3)]
    {
        assert!(tiles_of_range(start, end, size).len() < 12);
        let mut whole = range(0, start);
        let extended = whole.extend(end.max(start), |node| {
            all.node(node).map_err(|missing| RangeError { end: missing.index, other: 0 })
        });
        assert_eq!(extended, Ok(()));
        assert_eq!(whole, range(0, end.max(start)), "{start} to {end}");
    }
}

#[test]
fn range_never_shrinks_or_exceeds_the_largest_tree() {
    let hash = |_: NodeId| Ok::<_, RangeError>(leaf(0));
    let mut range = range(0, 5);
    assert_eq!(range.extend(4, hash), Err(RangeError { end: 5, other: 4 }));
    let other = SIZE_MAX + 1;
    assert_eq!(range.extend(other, hash), Err(RangeError { end: 5, other }));
    range.extend(SIZE_MAX, hash).unwrap();
    assert_eq!((range.end(), range.hashes().count()), (SIZE_MAX, 63));
}
