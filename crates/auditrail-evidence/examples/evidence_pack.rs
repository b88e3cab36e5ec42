//! Writes an evidence pack of made-up records, for verifiers in other languages and to measure them:
//! `evidence_pack DIR RECORDS`.
//!
//! The directory gets `pack.zip`, and in `policy` the policy that trusts it. The keys are constants: they are worth nothing.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use auditrail_core::RecordTime;
use auditrail_evidence::pack::{PackHashes, PackLine, PackRange, PackWriter, names, readme};
use auditrail_evidence::{Disclosure, FIELDS, RecordKey};
use tlog::{Algorithm, Checkpoint, Hash, SigningKey};
use uuid::Uuid;

const ORIGIN: &str = "log.example/audit";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, size] = args.as_slice() else {
        return Err("usage: evidence_pack DIR RECORDS".into());
    };
    let (dir, size) = (Path::new(dir), size.parse::<u64>()?);
    let key = SigningKey::from_seed(ORIGIN.parse()?, Algorithm::Ed25519, &[1; 32]);
    let policy = format!("log {}\nquorum none\n", key.verifier());
    let out = BufWriter::with_capacity(1 << 20, File::create(dir.join("pack.zip"))?);
    let mut records =
        PackWriter::new(out).file(names::POLICY, policy.as_bytes())?.start(names::RECORDS)?;
    let (mut tree, mut hashes, mut line) = (PackHashes::new(), Vec::new(), Vec::new());
    for seq in 0..size {
        let record = record(seq)?;
        record.write(&mut line);
        records.write_all(&line)?;
        line.clear();
        tree.shown(record.leaf_hash(), &mut |hash: Hash| hashes.extend(hash.0));
    }
    let root = tree.finish(&mut |hash| hashes.extend(hash.0));
    let checkpoint = Checkpoint::new(ORIGIN, size, root)?;
    let mut note = checkpoint.to_note()?;
    note.sign(&key, 0);
    let to_seq = size.checked_sub(1).ok_or("a pack has at least one record")?;
    let range = PackRange { from_seq: 0, to_seq, filters: Vec::new(), records: size, left: 0 };
    let pack = records.finish()?.file(names::HASHES, &hashes)?;
    let pack = pack.file(names::CHECKPOINT, note.to_string().as_bytes())?;
    let pack = pack.file(names::RANGE, range.to_json().as_bytes())?;
    pack.file(names::README, readme(&checkpoint, &range).as_bytes())?.finish()?.flush()?;
    Ok(fs::write(dir.join("policy"), policy)?)
}

fn record(seq: u64) -> Result<PackLine, Box<dyn Error>> {
    let mut key = [7; 32];
    key[..8].copy_from_slice(&seq.to_be_bytes());
    let key = RecordKey::new(key);
    let fields = FIELDS.map(|field| {
        let value = match field.as_str() {
            "actor_type" => Some("user".to_owned()),
            "actor_id" => Some(format!("user-{}", seq % 1000)),
            "action" => Some("api_key.created".to_owned()),
            "target_type" => Some("api_key".to_owned()),
            "target_id" => Some(format!("key_{seq}")),
            "metadata" => Some(format!(r#"{{"role": "admin", "plan": "pro", "number": {seq}}}"#)),
            "ip_address" => Some(format!("10.0.{}.{}/32", seq / 256 % 256, seq % 256)),
            "user_agent" => {
                Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101".to_owned())
            }
            "tenant_id" => Some(format!("tenant-{}", seq % 50)),
            "request_id" => Some(format!("req-{seq:012}")),
            "outcome" => Some("success".to_owned()),
            _ => None,
        };
        Disclosure::Shown { value, salt: key.salt(field) }
    });
    let created_at =
        RecordTime::from_unix_micros(1_800_000_000_000_000 + i64::try_from(seq)? * 1_001)?;
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(seq));
    Ok(PackLine::Record { seq, id, created_at, fields: Box::new(fields) })
}
