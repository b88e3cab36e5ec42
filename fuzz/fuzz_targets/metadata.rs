//! What metadata accepts is an object that holds still: parsed again it is the same text and content.
#![no_main]

use auditrail_core::Metadata;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(metadata) = text.parse::<Metadata>() {
        let again: Metadata = metadata
            .as_str()
            .parse()
            .expect("accepted text is accepted again");
        assert_eq!(again, metadata);
        assert!(again.same_content(&metadata));
        assert!(
            metadata
                .as_str()
                .chars()
                .all(|c| !c.is_ascii_control() || c == '\u{7f}')
        );
    }
});
