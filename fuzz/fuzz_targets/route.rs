//! A route that matches a path also matches its variants: with more slashes, in a URL, in another case, and
//! percent-encoded.
#![no_main]

use auditrail_tower::{Level, Policy, Rule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (route, target) = input;
    let result = Policy::builder()
        .rule(Rule::any(route).level(Level::None))
        .build();
    let Ok(policy) = result else { return };
    let plain = target.split(['?', '#']).next().unwrap_or_default();
    if policy.matches("GET", plain).is_empty() || plain.contains("://") {
        return;
    }
    let slash = if plain.starts_with(['/', '\\']) { "" } else { "/" };
    let escaped: String = plain
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'y' => format!("%{byte:02x}"),
            _ => (byte as char).to_string(),
        })
        .collect();
    let mut variants = vec![
        format!("/{plain}//"),
        format!("https://host{slash}{plain}?x=/y"),
        plain.replace('/', "\\"),
    ];
    if plain.is_ascii() && !plain.contains('%') {
        variants.push(plain.to_ascii_uppercase());
        variants.push(escaped);
    }
    for variant in variants {
        assert!(!policy.matches("GET", &variant).is_empty(), "{route} {plain} {variant}");
    }
});
