//! What a part ran on: told in the report, and refused where it would not keep what is written.

use super::bed::Bed;
use super::peers::Peer;
use crate::error::{Error, Result};

/// Without these an acknowledged record may be lost, and everything is faster than it is.
const DURABLE: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];
/// What also counts for how fast it is.
const TOLD: [&str; 3] = ["shared_buffers", "max_wal_size", "max_connections"];

/// PostgreSQL and its settings, the machine's processors, and what the sides are made of.
pub(super) fn of(bed: &Bed, peers: &[Peer]) -> Result<Vec<(String, String)>> {
    let mut settings = vec![("PostgreSQL".to_owned(), bed.sql("show server_version")?)];
    for name in DURABLE {
        let value = bed.sql(&format!("show {name}"))?;
        settings.push((name.to_owned(), durable(name, value)?));
    }
    for name in TOLD {
        settings.push((name.to_owned(), bed.sql(&format!("show {name}"))?));
    }
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    settings.push(("processors".to_owned(), processors.to_string()));
    let made_of = |peer: &Peer| (peer.side.name().to_owned(), peer.versions.clone());
    settings.extend(peers.iter().map(made_of));
    Ok(settings)
}

fn durable(name: &str, value: String) -> Result<String> {
    match value.as_str() {
        "on" => Ok(value),
        _ => Err(Error::Refused(format!(
            "{name} is {value}: what is written would not be kept, so nothing is measured"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_forgets_is_not_measured() {
        assert_eq!(durable("fsync", "on".to_owned()).unwrap(), "on");
        let error = durable("synchronous_commit", "local".to_owned()).unwrap_err();
        assert!(error.to_string().starts_with("synchronous_commit is local: "), "{error}");
    }
}
