//! The manifest and the lines of an archive, and its name.

#![no_main]

use auditrail_core::{ArchiveManifest, ArchiveName, ArchivedLine};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = ArchiveManifest::parse(bytes) {
        let again = ArchiveManifest::parse(&manifest.to_json().expect("a manifest is JSON"));
        assert_eq!(again.as_ref(), Ok(&manifest));
        assert!(!manifest.name().lines_file().contains(['/', '\\']));
    }
    drop(ArchivedLine::parse(bytes));
    if let Some(Ok(name)) = std::str::from_utf8(bytes).ok().map(str::parse::<ArchiveName>) {
        assert_eq!(name.to_string().as_bytes(), bytes);
    }
});
