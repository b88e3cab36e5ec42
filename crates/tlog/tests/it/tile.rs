//! Paths of tiles, and bundles.

use proptest::prelude::*;
use tlog::bundle::{self, EntryTooLong, TruncatedBundle};
use tlog::{InvalidTilePath, Resource, TilePath, leaf_hash};

use crate::support::{Log, tile};

fn parse(text: &str) -> Result<TilePath, InvalidTilePath> {
    text.parse()
}

#[test]
fn paths_are_those_of_the_specification() {
    // The examples of <https://c2sp.org/tlog-tiles>.
    let path = TilePath::full(Resource::Hashes(0), 1_234_067);
    assert_eq!(path.to_string(), "tile/0/x001/x234/067");
    assert_eq!(tile(0, 273, 70_000).to_string(), "tile/0/273.p/112");
    assert_eq!(tile(1, 0, 70_000).to_string(), "tile/1/000");
    assert_eq!(tile(1, 1, 70_000).to_string(), "tile/1/001.p/17");
    assert_eq!(tile(2, 0, 70_000).to_string(), "tile/2/000.p/1");
    assert_eq!(tile(0, 0, 256).to_string(), "tile/0/000");
    assert_eq!(tile(1, 0, 256).to_string(), "tile/1/000.p/1");
    assert_eq!(TilePath::in_tree(Resource::Hashes(2), 0, 256), None);
    assert_eq!(TilePath::in_tree(Resource::Entries, 1, 256), None);
    let bundle = TilePath::in_tree(Resource::Entries, 1, 300).unwrap();
    assert_eq!(bundle.to_string(), "tile/entries/001.p/44");
    assert_eq!(bundle.size_min(), 300);
    assert_eq!(tile(2, 0, 70_000).size_min(), 65_536);
    assert_eq!(TilePath::full(Resource::Hashes(7), u64::MAX).size_min(), u64::MAX);
    assert_eq!(TilePath::full(Resource::Hashes(u8::MAX), 1).size_min(), u64::MAX);
    assert_eq!(TilePath::full(Resource::Entries, 1_000).to_string(), "tile/entries/x001/000");
    assert_eq!(TilePath::full(Resource::Entries, 999).to_string(), "tile/entries/999");
}

#[test]
fn other_forms_of_a_path_are_refused() {
    for text in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/2",
        "tile/entries",
        "tile/Entries/000",
        "tile/0/..",
        "tile/0/../000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000?x",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/7/001",
        "tile/0/００0",
    ] {
        assert_eq!(parse(text), Err(InvalidTilePath), "{text}");
    }
}

#[test]
fn bundle_has_the_entries_of_its_tile() {
    let log = Log::of_size(300);
    let mut bytes = Vec::new();
    log.entries[256..].iter().for_each(|entry| bundle::push(&mut bytes, entry).unwrap());
    let entries: Vec<&[u8]> = bundle::entries(&bytes).map(Result::unwrap).collect();
    assert_eq!(entries, log.entries[256..].iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(leaf_hash(entries[43]), log.edge.level(0)[43]);
}

#[test]
fn bundle_that_was_cut_is_refused() {
    let mut bytes = Vec::new();
    bundle::push(&mut bytes, b"first").unwrap();
    bundle::push(&mut bytes, b"second").unwrap();
    bundle::push(&mut bytes, b"").unwrap();
    for length in 0..bytes.len() {
        let last = bundle::entries(&bytes[..length]).last();
        let whole = [0, 7, 15].contains(&length);
        assert_eq!(last.is_none_or(|last| last.is_ok()), whole, "{length}");
    }
    let outcomes: Vec<_> = bundle::entries(&bytes[..9]).collect();
    assert_eq!(outcomes, [Ok(&b"first"[..]), Err(TruncatedBundle { entry: 1 })]);
}

#[test]
fn entry_that_is_too_long_is_refused() {
    let mut bytes = Vec::new();
    let entry = vec![0; bundle::ENTRY_MAX + 1];
    assert_eq!(bundle::push(&mut bytes, &entry), Err(EntryTooLong { length: 65_536 }));
    assert_eq!(bytes, b"");
    bundle::push(&mut bytes, &entry[1..]).unwrap();
    assert_eq!(bundle::entries(&bytes).next(), Some(Ok(&entry[1..])));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn path_is_read_as_it_is_printed(level in 0_u8..8, index in any::<u64>(), width in 1_u64..=256) {
        let bits = 8 * (u32::from(level) + 1);
        let index = index % tlog::SIZE_MAX.checked_shr(bits).unwrap_or(0).max(1);
        for resource in [Resource::Hashes(level), Resource::Entries] {
            let bits = if resource == Resource::Entries { 0 } else { 8 * u32::from(level) };
            let size = (256 * u128::from(index) + u128::from(width)) << bits;
            let Ok(size) = u64::try_from(size) else { continue };
            if size > tlog::SIZE_MAX {
                continue;
            }
            let Some(path) = TilePath::in_tree(resource, index, size) else { continue };
            prop_assert_eq!(parse(&path.to_string()), Ok(path));
            prop_assert_eq!(path.size_min(), size);
        }
    }

    #[test]
    fn any_text_that_is_a_path_is_printed_alike(text in "tile/(entries|[0-9]{1,2})/(x?[0-9]{1,4}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(path) = parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn any_bytes_are_a_bundle_or_not(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut again = Vec::new();
        let mut is_whole = true;
        for entry in bundle::entries(&bytes) {
            match entry {
                Ok(entry) => bundle::push(&mut again, entry).unwrap(),
                Err(_) => is_whole = false,
            }
        }
        prop_assert!(bytes.starts_with(&again));
        prop_assert_eq!(is_whole, again.len() == bytes.len());
    }
}
