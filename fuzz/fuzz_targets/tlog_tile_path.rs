//! Reading the path of a tile never panics, and a path is printed as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::TilePath;

fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text);
        assert_eq!(TilePath::in_tree(path.resource(), path.index(), path.size_min()), Some(path));
    }
});
