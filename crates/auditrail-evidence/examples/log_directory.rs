//! Writes a log of made-up records into a directory, for verifiers in other languages:
//! `log_directory DIR SIZE`.
//!
//! The directory gets `checkpoint` and `tile/` as <https://c2sp.org/tlog-tiles> has them, the verifier key in `vkey`, a
//! policy in `policy`, and in `kept` the checkpoint of half the size. The signing key is a constant: it is worth nothing.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use auditrail_core::RecordTime;
use auditrail_evidence::Entry;
use tlog::{Algorithm, Checkpoint, Edge, Hash, Resource, SigningKey, TilePath, bundle};
use uuid::Uuid;

const ORIGIN: &str = "log.example/audit";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, size] = args.as_slice() else { return Err("usage: log_directory DIR SIZE".into()) };
    let (dir, size) = (Path::new(dir), size.parse::<u64>()?);
    let key = SigningKey::from_seed(ORIGIN.parse()?, Algorithm::Ed25519, &[1; 32]);
    let signed = |edge: &Edge| -> Result<String, Box<dyn Error>> {
        let mut note = Checkpoint::new(ORIGIN, edge.size(), edge.root())?.to_note()?;
        note.sign(&key, 0);
        Ok(note.to_string())
    };
    let (mut edge, mut tiles, mut entries) = (Edge::new(), BTreeMap::new(), Vec::new());
    let mut kept = signed(&edge)?;
    for number in 0..size {
        let entry = entry(number)?;
        bundle::push(&mut entries, &entry.to_bytes())?;
        edge.push(entry.leaf_hash(), &mut |level, index, hashes: &[Hash]| {
            tiles.insert(TilePath::full(Resource::Hashes(level), index), bytes(hashes));
        });
        let is_last = edge.size() == size;
        if let (true, Some(path)) = (
            is_last || edge.size().is_multiple_of(256),
            TilePath::in_tree(Resource::Entries, number / 256, edge.size()),
        ) {
            tiles.insert(path, std::mem::take(&mut entries));
        }
        if edge.size() == size / 2 {
            kept = signed(&edge)?;
        }
    }
    for level in 0..edge.levels() {
        let resource = Resource::Hashes(u8::try_from(level)?);
        let path = TilePath::in_tree(resource, size >> (8 * (level + 1)), size);
        tiles.extend(path.map(|path| (path, bytes(edge.level(level)))));
    }
    for (path, bytes) in tiles {
        write(&dir.join(path.to_string()), &bytes)?;
    }
    write(&dir.join("checkpoint"), signed(&edge)?.as_bytes())?;
    write(&dir.join("kept"), kept.as_bytes())?;
    write(&dir.join("vkey"), key.verifier().to_string().as_bytes())?;
    write(&dir.join("policy"), format!("log {}\nquorum none\n", key.verifier()).as_bytes())
}

fn entry(number: u64) -> Result<Entry, Box<dyn Error>> {
    let created_at = RecordTime::from_unix_micros(1_800_000_000_000_000 + i64::try_from(number)?)?;
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number));
    Ok(Entry { id, created_at, fields_root: [7; 32] })
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    Ok(fs::write(path, bytes)?)
}
