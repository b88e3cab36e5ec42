//! However a path is written, a route that is about it in its plain form still is: with more slashes, at
//! the end of a URL, in another case, and escaped.
#![no_main]

use auditrail_tower::{Level, Policy, Rule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (route, target) = input;
    let built = Policy::builder()
        .rule(Rule::any(route).level(Level::None))
        .build();
    let Ok(policy) = built else { return };
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
    let mut ways = vec![
        format!("/{plain}//"),
        format!("https://host{slash}{plain}?x=/y"),
        plain.replace('/', "\\"),
    ];
    if plain.is_ascii() && !plain.contains('%') {
        ways.push(plain.to_ascii_uppercase());
        ways.push(escaped);
    }
    for way in ways {
        assert!(!policy.matches("GET", &way).is_empty(), "{route} {plain} {way}");
    }
});
