//! How long parsing one record takes: `cargo run --release -p auditrail-core --example parse_speed`.
//!
//! Reads NDJSON from standard input, or without any uses a record of its own, and parses all lines
//! again and again for about two seconds.
#![expect(clippy::print_stdout, reason = "an example that prints its result")]

use std::io::{IsTerminal, Read};
use std::time::{Duration, Instant};

use auditrail_core::CreateInput;
use jiff::Timestamp;

const SAMPLE: &str = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","actor_id":"user-8d6786b12bfc","actor_type":"user","action":"project.updated","target_type":"project","target_id":"p-7f3a","metadata":{"commit":"69a4923e220f0b008f6e2ae4f2d45c01ba5468a8","lines":{"added":12,"removed":3}},"ip_address":"203.0.113.7","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0","created_at":"2022-10-03T11:18:56.123456-06:00","tenant_id":"t1","request_id":"699479d4-2a01-4e9e-bf31-4ec5dc88677e"}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().read_to_string(&mut text)?;
    }
    if text.is_empty() {
        SAMPLE.clone_into(&mut text);
    }
    let now = Timestamp::from_second(4_000_000_000)?;
    let start = Instant::now();
    let mut records = 0_u32;
    while start.elapsed() < Duration::from_secs(2) {
        for line in text.lines() {
            std::hint::black_box(CreateInput::from_json(line.as_bytes(), now)?);
            records += 1;
        }
    }
    let each = start.elapsed() / records;
    println!("{records} records, {} ns each", each.as_nanos());
    Ok(())
}
