//! Accepted metadata is stable: parsing it again returns the same text and content.
#![no_main]

use auditrail_core::Metadata;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(metadata) = text.parse::<Metadata>() {
        let reparsed: Metadata = metadata
            .as_str()
            .parse()
            .expect("accepted text is valid");
        assert_eq!(reparsed, metadata);
        assert!(reparsed.same_content(&metadata));
        assert!(
            metadata
                .as_str()
                .chars()
                .all(|c| !c.is_ascii_control() || c == '\u{7f}')
        );
    }
});
